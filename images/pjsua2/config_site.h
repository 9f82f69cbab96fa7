/* What this build of pjproject is made for: many phones that register in one process, by the client in client.cpp, without an
   account of pjsua, and no media devices. */

#define PJSUA_MAX_ACC 2 /* of no use here; each place takes 3.5 KB, and fewer do not compile */
#define PJSUA_ACC_MAX_PROXIES 1
#define PJSUA_MAX_BUDDIES 1
#define PJSIP_MAX_TSX_COUNT (2 * 1024 - 1) /* buckets and timers, which grow; a transaction over UDP stays for a second after its answer */
#define PJ_IOQUEUE_MAX_HANDLES 1024
#define PJSIP_MAX_PKT_LEN (64 * 1024) /* the longest message that is taken: a 200 lists every binding of its AOR */
#define PJSIP_MAX_SENT_LEN 4000 /* the longest that is sent (patches/0002) */
#define PJSIP_TLS_TRANSPORT_DONT_CREATE_LISTENER 1 /* nobody connects to a phone by TLS */
#define PJSIP_MAX_NET_EVENTS 32 /* messages that one libHandleEvents takes */
#define PJSIP_UDP_SO_RCVBUF_SIZE (4 * 1024 * 1024) /* answers to a burst of REGISTERs; the kernel cuts it down to rmem_max */
#define PJ_HAS_IPV6 1

#define PJMEDIA_HAS_VIDEO 0
#define PJMEDIA_HAS_SRTP 0
#define PJMEDIA_AUDIO_DEV_HAS_BDIMAD 0
#define PJMEDIA_SRTP_MAX_CRYPTOS 1 /* each account has settings of media that nobody uses: this and the next take 1.5 KB by default */
#define PJMEDIA_RTCP_FB_MAX_CAP 1
