/* PJSIP 2.17 sized for a softswitch: 1024 calls, signalling only. Read by every PJSIP source file. */

#define NDEBUG 1 /* an assertion would end every call in the process */
#define PJ_LOG_MAX_LEVEL 5
#define PJ_HAS_IPV6 1
#define PJMEDIA_HAS_VIDEO 0

#define PJSUA_MAX_CALLS 1024
#define PJSUA_MAX_ACC 256
#define PJSUA_MAX_CONF_PORTS (2 * PJSUA_MAX_CALLS) /* one per call, though no sound runs through it */
#define PJSUA_MAX_PLAYERS 1
#define PJSUA_MAX_RECORDERS 1
#define PJSUA_MAX_BUDDIES 1

/* Each call reserves two sets of media slots: 11 kB at 8, 22 kB at the default 16. */
#define PJMEDIA_MAX_SDP_MEDIA 8

/* Messages above PJSIP_MAX_PKT_LEN are dropped, and an SDP above PJSUA2_MAX_SDP_BUF_LEN reads as "". */
#define PJSIP_MAX_PKT_LEN 65000
#define PJSUA2_MAX_SDP_BUF_LEN 32000
#define PJSIP_MAX_URL_SIZE 2048

/* 1000 calls at 100 set-ups a second: two transactions a call, each kept 32 s (RFC 3261 timers B, H). */
#define PJSIP_MAX_TSX_COUNT 16383
#define PJSIP_MAX_DIALOG_COUNT 4095

#define PJ_IOQUEUE_MAX_HANDLES 4096 /* TCP and TLS connections, epoll */
#define PJSIP_MAX_NET_EVENTS 10     /* read per poll: fewer turns of the Python lock in a burst */
#define PJSIP_UDP_SO_RCVBUF_SIZE (4 * 1024 * 1024) /* bytes; the kernel caps it at net.core.rmem_max */
#define PJSIP_UDP_SO_SNDBUF_SIZE (4 * 1024 * 1024)
