/* PJSIP sized for a softswitch: 1024 calls, signalling only. Every PJSIP source file reads this. */

#define NDEBUG 1 /* an assertion would end every call in the process */
#define PJ_LOG_MAX_LEVEL 5
#define PJ_HAS_IPV6 1
#define PJMEDIA_HAS_VIDEO 0

/* AEAD_AES_GCM (RFC 7714), off by default. libsrtp of 2.2 and later has it whichever library does
   the work, and under names that PJSIP expects of its own copy only. */
#define PJMEDIA_SRTP_HAS_AES_GCM_128 1
#define PJMEDIA_SRTP_HAS_AES_GCM_256 1
#define srtp_aes_gcm_128_openssl srtp_aes_gcm_128
#define srtp_aes_gcm_256_openssl srtp_aes_gcm_256

#define PJSUA_MAX_CALLS 1024
#define PJSUA_MAX_ACC 256
#define PJSUA_MAX_CONF_PORTS (2 * PJSUA_MAX_CALLS) /* one a call, though silent */
#define PJSUA_MAX_PLAYERS 1
#define PJSUA_MAX_RECORDERS 1
#define PJSUA_MAX_BUDDIES 1

/* Each call reserves two sets of media slots: 11 kB at 8, 22 kB at the default 16. */
#define PJMEDIA_MAX_SDP_MEDIA 8

/* A message above PJSIP_MAX_PKT_LEN is dropped, and an SDP above PJSUA2_MAX_SDP_BUF_LEN reads as
   "". PJSIP allocates the whole length for every message it sends and keeps the last one of each
   transaction for 32 s: at 20 short calls a second, 65000 took 40 MB more than 4000. */
#define PJSIP_MAX_PKT_LEN 16000
#define PJSUA2_MAX_SDP_BUF_LEN 16000
#define PJSIP_MAX_URL_SIZE 2048

/* 100 set-ups a second, two transactions a call, each kept 32 s (RFC 3261 timers B, H), and room. */
#define PJSIP_MAX_TSX_COUNT 16383
#define PJSIP_MAX_DIALOG_COUNT 4095

/* A trunk reached over UDP stays on UDP: most of them listen for nothing else, and a large INVITE
   that goes to TCP instead (RFC 3261 18.1.1) would wait for a connection that never comes. */
#define PJSIP_DONT_SWITCH_TO_TCP 1

#define PJ_IOQUEUE_MAX_HANDLES 4096 /* TCP and TLS connections, epoll */
/* Seconds until the first message: who connects and says nothing holds no handle for longer. */
#define PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST 20
#define PJSIP_MAX_NET_EVENTS 10     /* read per poll: fewer turns of the Python lock in a burst */
#define PJSIP_UDP_SO_RCVBUF_SIZE (4 * 1024 * 1024) /* bytes; net.core.rmem_max caps it */
#define PJSIP_UDP_SO_SNDBUF_SIZE (4 * 1024 * 1024)
