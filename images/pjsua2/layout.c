/* The parts of pjsip's memory that the agent reads and writes by ctypes (pjsip_layout.py, name_table.py,
   request_watch.py, response_watch.py, stream_watch.py). A pjproject that has them elsewhere does not build. */
#include <assert.h>
#include <stddef.h>
#include <pjsip.h>
#include <pjsua-lib/pjsua.h>

#define AT(type, member, offset) static_assert(offsetof(type, member) == (offset), #type " has " #member " elsewhere")
#define WITHIN(type, member, from, to) \
  static_assert(offsetof(type, member) >= (from) && offsetof(type, member) < (to), #member " is not looked for there")
#define WORD sizeof(void *)

AT(pj_str_t, ptr, 0);
AT(pj_str_t, slen, WORD);

AT(pjsip_module, name, 2 * WORD);
AT(pjsip_module, id, 4 * WORD);
AT(pjsip_module, priority, 4 * WORD + sizeof(int));
AT(pjsip_module, load, 4 * WORD + 2 * sizeof(int));
AT(pjsip_module, on_rx_request, 8 * WORD + 2 * sizeof(int));
AT(pjsip_module, on_rx_response, 9 * WORD + 2 * sizeof(int));
AT(pjsip_module, on_tx_request, 10 * WORD + 2 * sizeof(int));
AT(pjsip_module, on_tsx_state, 12 * WORD + 2 * sizeof(int));
static_assert(sizeof(pjsip_module) == 13 * WORD + 2 * sizeof(int), "pjsip_module has other members");

typedef struct pjsip_rx_data received;
AT(received, msg_info.len, offsetof(received, msg_info.msg_buf) + WORD);
AT(received, msg_info.msg, offsetof(received, msg_info.msg_buf) + 2 * WORD);
WITHIN(received, msg_info, 4000, 4700);
AT(received, pkt_info.src_name, offsetof(received, msg_info) - 56);
static_assert(sizeof(((received *)0)->pkt_info.src_name) == 46, "an address takes more or less room");
AT(pjsip_buffer, start, 0);
AT(pjsip_buffer, cur, WORD);
AT(pjsip_buffer, end, 2 * WORD);
WITHIN(pjsip_tx_data, buf, 128, 1024);
AT(pjsip_transport, obj_name, 0);
AT(pjsip_tp_rx_data, tp, 0);
AT(pjsip_tp_rx_data, data, WORD);
AT(pjsip_tp_rx_data, len, 2 * WORD);
AT(pjsip_tp_dropped_data, tp, 0);
AT(pjsip_tp_dropped_data, data, WORD);
AT(pjsip_tp_dropped_data, len, 2 * WORD);
AT(pjsip_tp_dropped_data, status, 3 * WORD);

AT(pjsip_hdr, prev, 0);
AT(pjsip_hdr, next, WORD);
AT(pjsip_contact_hdr, type, 2 * WORD);
AT(pjsip_contact_hdr, name, 3 * WORD);
AT(pjsip_contact_hdr, sname, 5 * WORD);
AT(pjsip_contact_hdr, vptr, 7 * WORD);
AT(pjsip_contact_hdr, star, 8 * WORD);
AT(pjsip_contact_hdr, uri, 9 * WORD);
static_assert(PJSIP_H_CONTACT == 9, "a Contact has another number");

AT(pjsip_host_info, flag, 0);
AT(pjsip_host_info, type, sizeof(int));
AT(pjsip_host_info, addr.host, 2 * sizeof(int));
AT(pjsip_host_info, addr.port, 2 * sizeof(int) + 2 * WORD);
AT(pjsip_ext_resolver, resolve, 0);
