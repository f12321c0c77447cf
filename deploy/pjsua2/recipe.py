"""What goes into the build: a change here, or in config_site.h, makes another wheel."""

MAX_CALLS = 1024  # PJSUA_MAX_CALLS in config_site.h

PACKAGES = """
    build-essential libopus-dev libspeex-dev libspeexdsp-dev libsrtp2-dev libssl-dev
    pkg-config swig uuid-dev xz-utils
"""
# Position-independent: the static libraries end up in one shared object.
CFLAGS = "-O2 -fPIC -DNDEBUG"
# Signalling only, so of all codecs just those we name in SDP. The conference bridge cannot do
# without a resampler, and with Speex off as a codec only LIBS still links speexdsp.
CONFIGURE = """
    --enable-epoll --enable-ext-sound --disable-sound --disable-video --disable-upnp
    --with-external-srtp --with-external-speex --enable-speex-resample
    --disable-speex-aec --disable-speex-codec --disable-gsm-codec --disable-ilbc-codec
    --disable-g7221-codec --disable-l16-codec --disable-libyuv --disable-libwebrtc
    --disable-sdl --disable-ffmpeg --disable-v4l2 --disable-openh264 --disable-vpx
"""
# Until an Endpoint sets up its log, PJSIP would write to standard output.
QUIET_START = "\n%init %{ pj_log_set_level(0); %}\n"
INTERFACES = ("requests.i", "comfort_noise.i")  # appended to PJSIP's pjsua2.i
INCLUDES = [f"-I{part}/include" for part in ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip")]
