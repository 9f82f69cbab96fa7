// See client.h.
#include "client.h"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pjsua-lib/pjsua.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace softphone {

namespace {

Client *client = nullptr;  // pjsip's callbacks know no other way

// Towards the network modules are called from high to low, from there from low to high. pjsip's transport layer is 8, its
// transactions are 16.
const int NEXT_TO_THE_NETWORK = 7, BEFORE_IT_IS_PRINTED = 10, BEFORE_ALL_BUT_THE_TRANSPORTS = 11,
    AFTER_THE_TRANSACTIONS = 20,  // and before pjsip's dialogs, which take a 2xx to INVITE that belongs to none
    AFTER_ALL = 180;
const std::string OWN_PORT = "{port}";
// Of a transaction's time after its answer, in which repeated answers belong to it (RFC 3261, timer K): pjsip's 5 s keep 10 KB for each
// REGISTER of a burst.
const unsigned AFTER_ANSWER_MSEC = 1000;
const long MOST_ASKED = 256;  // so many requests of others wait for `reply`

long now_msec() {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000L + at.tv_nsec / 1000000;
}

pj_str_t str(const std::string &text) { return {const_cast<char *>(text.data()), static_cast<pj_ssize_t>(text.size())}; }
std::string text_of(const pj_str_t &text) { return text.slen > 0 ? std::string(text.ptr, text.slen) : std::string(); }

std::string words(pj_status_t status) {
  char buffer[PJ_ERR_MSG_SIZE];
  pj_str_t found = pjsip_strerror(status, buffer, sizeof buffer);
  return text_of(found);
}

std::string place(const pj_sockaddr_t *address, bool with_port) {
  char buffer[PJ_INET6_ADDRSTRLEN + 10];
  return pj_sockaddr_print(address, buffer, sizeof buffer, with_port ? 3 : 0);
}

bool is_stream(const pjsip_transport *tp) { return (tp->flag & PJSIP_TRANSPORT_DATAGRAM) == 0; }

// When the certificate that the peer has shown ends, as Unix time in digits; empty where none was shown.
std::string certificate_end(const pjsip_transport *tp, const pjsip_transport_state_info *info) {
  if (!info || !info->ext_info || strncasecmp(tp->type_name, "TLS", 3) != 0) return "";
  const pj_ssl_sock_info *socket = static_cast<const pjsip_tls_state_info *>(info->ext_info)->ssl_sock_info;
  if (!socket || !socket->remote_cert_info || !socket->remote_cert_info->validity.end.sec) return "";
  // pjsip reads the time, which is UTC, as if it were local standard time.
  const time_t read = socket->remote_cert_info->validity.end.sec;
  struct tm local;
  if (!localtime_r(&read, &local)) return "";
  if (local.tm_isdst > 0) --local.tm_hour;
  local.tm_isdst = 0;
  return std::to_string(timegm(&local));
}

pjsip_module make_module(const char *name, int priority) {
  pjsip_module made;
  std::memset(&made, 0, sizeof made);
  made.name = {const_cast<char *>(name), static_cast<pj_ssize_t>(std::strlen(name))};
  made.id = -1;
  made.priority = priority;
  return made;
}

pjsip_module sender = make_module("softphone-sender", PJSIP_MOD_PRIORITY_APPLICATION);
pjsip_module requests = make_module("softphone-requests", BEFORE_ALL_BUT_THE_TRANSPORTS);
pjsip_module lates = make_module("softphone-lates", AFTER_THE_TRANSACTIONS);
pjsip_module strays = make_module("softphone-strays", AFTER_ALL);
pjsip_module contacts = make_module("softphone-contacts", BEFORE_IT_IS_PRINTED);
pjsip_module wire = make_module("softphone-wire", NEXT_TO_THE_NETWORK);

void on_tsx_state(pjsip_transaction *tsx, pjsip_event *event) {
  if (client) client->ended(tsx, event);
}
pj_bool_t on_request(pjsip_rx_data *rdata) { return client && client->came(rdata); }
pj_bool_t on_stray(pjsip_rx_data *) {
  if (client) client->stray();
  return PJ_TRUE;
}
pj_bool_t on_late(pjsip_rx_data *rdata) { return client && client->late(rdata); }
pj_bool_t on_wire_in(pjsip_rx_data *rdata) {
  if (client) client->traced(rdata);
  return PJ_FALSE;
}
pj_status_t on_wire_out(pjsip_tx_data *tdata) {
  if (client) client->went(tdata);
  return PJ_SUCCESS;
}
pj_status_t on_going_out(pjsip_tx_data *tdata) {
  if (client) client->goes(tdata);
  return PJ_SUCCESS;
}
void on_transport(pjsip_transport *tp, pjsip_transport_state state, const pjsip_transport_state_info *info) {
  if (client) client->changed(tp, state, info);
}
pj_status_t on_received(pjsip_tp_rx_data *data) {
  if (client) client->received(data);
  return PJ_SUCCESS;
}
void on_dropped(pjsip_tp_dropped_data *data) {
  if (client) client->dropped(data);
}

bool token_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("-.!%*_+`'~", c) != nullptr; }

// `line`, without its line feed, may be the first of a message.
bool begins_a_message(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.find('\0') != std::string::npos) return false;
  if (strncasecmp(line.c_str(), "SIP/2.0 ", 8) == 0)
    return line.size() >= 11 && std::all_of(line.begin() + 8, line.begin() + 11, [](char c) { return std::isdigit(static_cast<unsigned char>(c)); }) &&
           (line.size() == 11 || line[11] == ' ');
  const size_t method = line.find(' '), uri = line.rfind(' ');
  if (method == std::string::npos || method == 0 || method > 64 || uri <= method + 1) return false;
  if (line.find(' ', method + 1) != uri || line.find('\t') != std::string::npos) return false;
  return std::all_of(line.begin(), line.begin() + method, token_char) && strcasecmp(line.c_str() + uri + 1, "SIP/2.0") == 0;
}

// The length that a head says; -1 where it says none.
long content_length(const std::string &head) {
  size_t at = head.find('\n');
  while (at != std::string::npos && at + 1 < head.size()) {
    const size_t begin = at + 1, end = head.find('\n', begin);
    std::string line = head.substr(begin, end == std::string::npos ? end : end - begin);
    at = end;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    if (colon == 0 || (strcasecmp(name.c_str(), "content-length") != 0 && strcasecmp(name.c_str(), "l") != 0)) continue;
    size_t digit = line.find_first_not_of(" \t", colon + 1), count = 0;
    long length = 0;
    for (; digit != std::string::npos && digit < line.size() && std::isdigit(static_cast<unsigned char>(line[digit])) && count < 9; ++digit, ++count)
      length = length * 10 + (line[digit] - '0');
    if (count && line.find_first_not_of(" \t\r", digit) == std::string::npos) return length;
  }
  return -1;
}

}  // namespace

Frame judge(const std::string &data) {
  const size_t first = data.find('\n');
  if (first != std::string::npos && !begins_a_message(data.substr(0, first))) return HOPELESS;
  const size_t head = data.find("\n\r\n");
  if (head == std::string::npos) return data.size() >= PJSIP_MAX_PKT_LEN ? TOO_LONG : PARTIAL;
  const long length = content_length(data.substr(0, head + 1));
  if (length < 0) return HOPELESS;
  const size_t whole = head + 3 + length;
  if (whole > PJSIP_MAX_PKT_LEN) return TOO_LONG;
  return whole <= data.size() ? WHOLE : PARTIAL;
}

void silence() { pj_log_set_level(0); }

pjsip_module *Client::transactions() { return &sender; }

Client::Client(const std::string &allow) {
  endpoint_ = pjsua_get_pjsip_endpt();
  if (!endpoint_ || client) {
    error_ = client ? "there is a client already" : "pjsua is not initialised";
    return;
  }
  client = this;
  pool_ = pjsip_endpt_create_pool(endpoint_, "softphone", 512, 512);
  pj_list_init(&answer_headers_);
  pj_str_t name = pj_str(const_cast<char *>("Allow")), value = str(allow);
  pj_list_push_back(&answer_headers_, pjsip_generic_string_hdr_create(pool_, &name, &value));
  sender.on_tsx_state = &on_tsx_state;
  requests.on_rx_request = &on_request;
  strays.on_rx_response = &on_stray;
  lates.on_rx_response = &on_late;
  wire.on_rx_request = wire.on_rx_response = &on_wire_in;
  wire.on_tx_request = wire.on_tx_response = &on_wire_out;
  contacts.on_tx_request = &on_going_out;
  for (pjsip_module *module : {&sender, &requests, &lates, &strays, &contacts, &wire}) {
    module->id = -1;
    const pj_status_t status = pjsip_endpt_register_module(endpoint_, module);
    if (status != PJ_SUCCESS) {
      failed("pjsip takes no module", status);
      return;
    }
    modules_.push_back(module);
  }
  pjsip_tpmgr *manager = pjsip_endpt_get_tpmgr(endpoint_);
  pjsip_tpmgr_set_state_cb(manager, &on_transport);
  pjsip_tpmgr_set_recv_data_cb(manager, &on_received);
  pjsip_tpmgr_set_drop_data_cb(manager, &on_dropped);
  pjsip_cfg()->endpt.disable_tcp_switch = PJ_TRUE;  // a request goes where it is told to, also a long one
}

void Client::end() {
  if (client != this) return;
  while (!pending_.empty()) cancel(pending_.begin()->first);
  for (auto &one : asked_) pjsip_rx_data_free_cloned(one.second);
  for (auto &one : connections_)
    if (one.second.held) pjsip_transport_dec_ref(one.second.tp);
  client = nullptr;
  pjsip_tpmgr *manager = pjsip_endpt_get_tpmgr(endpoint_);
  pjsip_tpmgr_set_state_cb(manager, nullptr);
  pjsip_tpmgr_set_recv_data_cb(manager, nullptr);
  pjsip_tpmgr_set_drop_data_cb(manager, nullptr);
  for (pjsip_module *module : modules_) pjsip_endpt_unregister_module(endpoint_, module);
  if (pool_) pjsip_endpt_release_pool(endpoint_, pool_);
}

int Client::failed(const char *what, pj_status_t status) {
  error_ = std::string(what) + ": " + words(status);
  return -1;
}

int Client::kept(const Transport &transport) {
  transports_[++next_transport_] = transport;
  error_.clear();
  return next_transport_;
}

int Client::udp(const std::string &address, int port, bool v6) {
  pjsip_udp_transport_cfg config;
  pjsip_udp_transport_cfg_default(&config, v6 ? pj_AF_INET6() : pj_AF_INET());
  pj_str_t host = str(address);
  pj_status_t status = pj_sockaddr_init(config.af, &config.bind_addr, address.empty() ? nullptr : &host, port);
  Transport opened;
  opened.type = v6 ? PJSIP_TRANSPORT_UDP6 : PJSIP_TRANSPORT_UDP;
  if (status == PJ_SUCCESS) status = pjsip_udp_transport_start2(endpoint_, &config, &opened.udp);
  if (status != PJ_SUCCESS) return failed("no UDP socket", status);
  opened.socket = static_cast<int>(pjsip_udp_transport_get_socket(opened.udp));
  opened.port = opened.udp->local_name.port;
  const int on = 1;  // the kernel then says who refuses
  setsockopt(opened.socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
  return kept(opened);
}

int Client::tcp(const std::string &address, int port, bool v6) {
  pjsip_tcp_transport_cfg config;
  pjsip_tcp_transport_cfg_default(&config, v6 ? pj_AF_INET6() : pj_AF_INET());
  pj_str_t host = str(address);
  pj_status_t status = pj_sockaddr_init(config.af, &config.bind_addr, address.empty() ? nullptr : &host, port);
  Transport opened;
  opened.type = v6 ? PJSIP_TRANSPORT_TCP6 : PJSIP_TRANSPORT_TCP;
  if (status == PJ_SUCCESS) status = pjsip_tcp_transport_start3(endpoint_, &config, &opened.factory);
  if (status != PJ_SUCCESS) return failed("no TCP socket", status);
  opened.port = opened.factory->addr_name.port;
  return kept(opened);
}

int Client::tls(const std::string &address, bool v6, const std::string &ca_file, const std::string &certificate_file,
                const std::string &key_file, int handshake_msec) {
  pjsip_tls_setting setting;
  pjsip_tls_setting_default(&setting);
  setting.ca_list_file = str(ca_file);
  setting.cert_file = str(certificate_file);
  setting.privkey_file = str(key_file);
  setting.verify_server = PJ_TRUE;
  setting.proto = PJ_SSL_SOCK_PROTO_TLS1_2 | PJ_SSL_SOCK_PROTO_TLS1_3;
  setting.timeout.sec = handshake_msec / 1000;
  setting.timeout.msec = handshake_msec % 1000;
  pj_sockaddr local;
  pj_str_t host = str(address);
  pj_status_t status = pj_sockaddr_init(v6 ? pj_AF_INET6() : pj_AF_INET(), &local, address.empty() ? nullptr : &host, 0);
  Transport opened;
  opened.type = v6 ? PJSIP_TRANSPORT_TLS6 : PJSIP_TRANSPORT_TLS;
  if (status == PJ_SUCCESS) status = pjsip_tls_transport_start2(endpoint_, &setting, &local, nullptr, 1, &opened.factory);
  if (status != PJ_SUCCESS) return failed("no TLS", status);
  return kept(opened);
}

int Client::port(int transport) const {
  const auto found = transports_.find(transport);
  return found == transports_.end() ? 0 : found->second.port;
}

void Client::close_transport(int transport) {
  const auto found = transports_.find(transport);
  if (found == transports_.end()) return;
  const Transport closed = found->second;
  transports_.erase(found);
  if (closed.udp) pjsip_transport_shutdown2(closed.udp, PJ_TRUE);
  if (!closed.factory) return;
  std::vector<long> its;
  for (auto &one : connections_)
    if (one.second.tp->factory == closed.factory) its.push_back(one.first);
  for (long one : its) close_connection(one);
  closed.factory->destroy(closed.factory);
}

std::string Client::send(long number, const std::string &method, const std::string &uri, const std::string &from, const std::string &from_tag,
                         const std::string &to, const std::string &call_id, int cseq, const std::string &headers, const std::string &address,
                         int port, const std::string &name, int transport, int msec) {
  const auto over = transports_.find(transport);
  if (over == transports_.end()) return "no such transport";
  pjsip_method how;
  const size_t to_end = std::min(to.find(">;tag="), to.size() - 1);
  const std::string to_party = to.substr(0, to_end + 1), to_tag = to.substr(std::min(to_end + 6, to.size()));
  pj_str_t method_text = str(method), to_uri = str(uri), from_text = str(from), to_text = str(to_party), id = str(call_id);
  pjsip_method_init_np(&how, &method_text);
  pjsip_tx_data *tdata;
  pj_status_t status = pjsip_endpt_create_request(endpoint_, &how, &to_uri, &from_text, &to_text, nullptr, &id, cseq, nullptr, &tdata);
  if (status != PJ_SUCCESS) return words(status);
  pj_pool_t *pool = tdata->pool;
  pj_str_t tag = str(from_tag);
  pj_strdup(pool, &PJSIP_MSG_FROM_HDR(tdata->msg)->tag, &tag);
  if (!to_tag.empty()) {
    pj_str_t theirs = str(to_tag);
    pj_strdup(pool, &PJSIP_MSG_TO_HDR(tdata->msg)->tag, &theirs);
  }
  write(tdata, headers);
  const bool asks_for_a_binding = how.id == PJSIP_REGISTER_METHOD && (headers.compare(0, 8, "Contact:") == 0 || headers.find("\nContact:") != std::string::npos);

  pjsip_server_addresses &to_where = tdata->dest_info.addr;
  pj_str_t host = str(address), certificate = str(name);
  const bool v6 = (over->second.type & PJSIP_TRANSPORT_IPV6) != 0;
  status = pj_sockaddr_init(v6 ? pj_AF_INET6() : pj_AF_INET(), &to_where.entry[0].addr, &host, port);
  if (status != PJ_SUCCESS) {
    pjsip_tx_data_dec_ref(tdata);
    return words(status);
  }
  pj_strdup(pool, &tdata->dest_info.name, name.empty() ? &host : &certificate);
  to_where.count = 1;
  to_where.entry[0].type = over->second.type;
  to_where.entry[0].addr_len = pj_sockaddr_get_len(&to_where.entry[0].addr);
  pjsip_tpselector selector;
  std::memset(&selector, 0, sizeof selector);
  if (over->second.udp) {
    selector.type = PJSIP_TPSELECTOR_TRANSPORT;
    selector.u.transport = over->second.udp;
  } else {
    selector.type = PJSIP_TPSELECTOR_LISTENER;
    selector.u.listener = over->second.factory;
  }
  pjsip_tx_data_set_transport(tdata, &selector);

  if (how.id == PJSIP_ACK_METHOD) {
    status = pjsip_endpt_send_request_stateless(endpoint_, tdata, nullptr, nullptr);
    if (status == PJ_SUCCESS) return "";
    pjsip_tx_data_dec_ref(tdata);
    return words(status);
  }
  pjsip_tsx_set_timers(0, 0, AFTER_ANSWER_MSEC, msec);  // taken as the transaction begins (timers B and F)
  pjsip_transaction *tsx;
  status = pjsip_tsx_create_uac(&sender, tdata, &tsx);
  if (status != PJ_SUCCESS) {
    pjsip_tx_data_dec_ref(tdata);
    return words(status);
  }
  pjsip_tsx_set_transport(tsx, &selector);
  pending_[number] = {tsx, now_msec(), asks_for_a_binding};
  tsx->mod_data[sender.id] = reinterpret_cast<void *>(number);
  status = pjsip_tsx_send_msg(tsx, nullptr);
  if (status != PJ_SUCCESS) {
    pjsip_tx_data_dec_ref(tdata);
    const bool waits = pending_.erase(number) > 0;
    tsx->mod_data[sender.id] = nullptr;
    if (tsx->state < PJSIP_TSX_STATE_TERMINATED) pjsip_tsx_terminate(tsx, PJSIP_SC_SERVICE_UNAVAILABLE);
    if (waits) return words(status);
  }
  return "";
}

void Client::cancel(long number) {
  const auto found = pending_.find(number);
  if (found == pending_.end()) return;
  pjsip_transaction *tsx = found->second.tsx;
  pending_.erase(found);
  tsx->mod_data[sender.id] = nullptr;
  pjsip_tsx_terminate(tsx, PJSIP_SC_REQUEST_TERMINATED);
}

void Client::ended(pjsip_transaction *tsx, pjsip_event *event) {
  if (event->type != PJSIP_EVENT_TSX_STATE) return;
  const long number = reinterpret_cast<long>(tsx->mod_data[sender.id]);
  const auto found = pending_.find(number);
  if (found == pending_.end() || found->second.tsx != tsx) return;
  if (tsx->status_code < 200) {
    if (tsx->status_code <= 100 || tsx->method.id != PJSIP_INVITE_METHOD || event->body.tsx_state.type != PJSIP_EVENT_RX_MSG) return;
    const auto *came = &event->body.tsx_state.src.rdata->msg_info;
    events_.push_back({PROGRESS, number, tsx->status_code, text_of(tsx->status_text), std::string(came->msg_buf, came->len), ""});
    return;
  }
  const long sent_msec = found->second.sent_msec;
  const bool asks_for_a_binding = found->second.asks_for_a_binding;
  pending_.erase(found);
  tsx->mod_data[sender.id] = nullptr;
  const std::string port = tsx->transport ? std::to_string(tsx->transport->local_name.port) : "";
  Event told{ANSWER, number, 0, text_of(tsx->status_text), "", port};
  if (event->body.tsx_state.type == PJSIP_EVENT_RX_MSG) {
    const pjsip_rx_data *rdata = event->body.tsx_state.src.rdata;
    told.code = tsx->status_code;
    told.reason = text_of(rdata->msg_info.msg->line.status.reason);
    told.text.assign(rdata->msg_info.msg_buf, rdata->msg_info.len);
    events_.push_back(told);
    return;
  }
  events_.push_back(told);
  if (event->body.tsx_state.type != PJSIP_EVENT_TIMER || !tsx->transport || !is_stream(tsx->transport)) return;
  // RFC 3261, section 18.4: who does not answer may not be there any more. A connection that brought something since is alive.
  // Silence to OPTIONS, or to a REGISTER without Contact, says less: there are PBXes that never answer them, and phones are
  // registered over this connection.
  if (!asks_for_a_binding) return;
  long one;
  Connection *connection = of(tsx->transport, &one);
  if (connection && connection->heard_msec < sent_msec) close_connection(one);
}

bool Client::came(pjsip_rx_data *rdata) {
  if (static_cast<long>(asked_.size()) >= MOST_ASKED) return true;
  pjsip_rx_data *clone = nullptr;
  if (pjsip_rx_data_clone(rdata, 0, &clone) != PJ_SUCCESS) return true;
  asked_[++next_number_] = clone;
  std::string head(rdata->msg_info.msg_buf, rdata->msg_info.len);
  const size_t end = head.find("\r\n\r\n");
  const int method = rdata->msg_info.msg->line.req.method.id;
  if (end != std::string::npos && method != PJSIP_INVITE_METHOD && method != PJSIP_ACK_METHOD) head.resize(end + 2);
  events_.push_back({REQUEST, next_number_, 0, text_of(rdata->msg_info.msg->line.req.method.name), head, place(&rdata->pkt_info.src_addr, false)});
  return true;
}

void Client::reply(long number, int code) {
  const auto found = asked_.find(number);
  if (found == asked_.end()) return;
  pjsip_rx_data *rdata = found->second;
  asked_.erase(found);
  if (code) pjsip_endpt_respond_stateless(endpoint_, rdata, code, nullptr, &answer_headers_, nullptr);
  pjsip_rx_data_free_cloned(rdata);
}

void Client::goes(pjsip_tx_data *tdata) {
  if (!tdata->tp_info.transport) return;
  const pj_str_t name = pj_str(const_cast<char *>("Contact"));
  auto *header = static_cast<pjsip_generic_string_hdr *>(pjsip_msg_find_hdr_by_name(tdata->msg, &name, nullptr));
  if (!header || header->type != PJSIP_H_OTHER) return;
  std::string value = text_of(header->hvalue);
  const size_t at = value.find(OWN_PORT);
  if (at == std::string::npos) return;
  value.replace(at, OWN_PORT.size(), std::to_string(tdata->tp_info.transport->local_name.port));
  pj_str_t written = str(value);
  pj_strdup(tdata->pool, &header->hvalue, &written);
}

void Client::went(pjsip_tx_data *tdata) {
  pjsip_transport *tp = tdata->tp_info.transport;
  if (tp && !is_stream(tp)) {
    // What ICMP told of another place would count as the failure of what is sent now.
    int error;
    socklen_t size = sizeof error;
    getsockopt(static_cast<int>(pjsip_udp_transport_get_socket(tp)), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (!tracing_ || !tp) return;
  const std::string peer = std::string(tp->type_name) + " " + place(&tdata->tp_info.dst_addr, true);
  events_.push_back({SENT, 0, 0, "", std::string(tdata->buf.start, tdata->buf.cur - tdata->buf.start), peer});
}

void Client::traced(pjsip_rx_data *rdata) {
  if (!tracing_) return;
  const std::string peer = std::string(rdata->tp_info.transport->type_name) + " " + place(&rdata->pkt_info.src_addr, true);
  events_.push_back({RECEIVED, 0, 0, "", std::string(rdata->msg_info.msg_buf, rdata->msg_info.len), peer});
}

Client::Connection *Client::of(pjsip_transport *tp, long *number) {
  const auto found = numbers_.find(tp);
  if (found == numbers_.end()) return nullptr;
  if (number) *number = found->second;
  return &connections_[found->second];
}

void Client::changed(pjsip_transport *tp, pjsip_transport_state state, const pjsip_transport_state_info *info) {
  if (!is_stream(tp)) return;
  long number = 0;
  Connection *connection = of(tp, &number);
  if (state == PJSIP_TP_STATE_CONNECTED && !connection) {
    number = ++next_number_;
    numbers_[tp] = number;
    const bool incoming = tp->dir == PJSIP_TP_DIR_INCOMING;
    connections_[number] = {tp, incoming, false, now_msec(), 0, 0, place(&tp->key.rem_addr, true)};
    events_.push_back({OPENED, number, incoming, "", certificate_end(tp, info), connections_[number].peer});
  } else if ((state == PJSIP_TP_STATE_DISCONNECTED || state == PJSIP_TP_STATE_DESTROY) && connection) {
    const Connection gone = *connection;
    connections_.erase(number);
    numbers_.erase(tp);
    events_.push_back({CLOSED, number, gone.incoming, "", "", gone.peer});
    if (gone.held) pjsip_transport_dec_ref(tp);
  }
}

void Client::hold(long number, bool held) {
  const auto found = connections_.find(number);
  if (found == connections_.end() || found->second.held == held) return;
  found->second.held = held;
  if (held)
    pjsip_transport_add_ref(found->second.tp);
  else
    pjsip_transport_dec_ref(found->second.tp);
}

void Client::close_connection(long number) {
  const auto found = connections_.find(number);
  if (found != connections_.end()) pjsip_transport_shutdown2(found->second.tp, PJ_TRUE);
}

long Client::quietest() const {
  long found = 0;
  for (auto &one : connections_)
    if (one.second.incoming && (!found || one.second.heard_msec < connections_.at(found).heard_msec)) found = one.first;
  return found;
}

void Client::fault(pjsip_transport *tp, const char *reason) {
  events_.push_back({FAULT, 0, 0, reason, "", ""});
  if (is_stream(tp)) pjsip_transport_shutdown2(tp, PJ_TRUE);
}

void Client::received(pjsip_tp_rx_data *data) {
  Connection *connection = of(data->tp);
  const Frame frame = judge(std::string(static_cast<const char *>(data->data), data->len));
  if (connection) {
    connection->heard_msec = now_msec();
    connection->empty = 0;
  }
  if (frame == PARTIAL) {
    if (connection && !connection->partial_msec) connection->partial_msec = now_msec();
    return;
  }
  if (connection) connection->partial_msec = 0;
  if (frame == WHOLE) return;
  data->len = 0;
  fault(data->tp, frame == HOPELESS ? "NotSip" : "TooLong");
}

void Client::dropped(pjsip_tp_dropped_data *data) {
  if (data->status != PJ_EIGNORED) {
    events_.push_back({FAULT, 0, 0, "NotSip", "", ""});
    return;
  }
  Connection *connection = of(data->tp);
  if (!connection) return;
  connection->heard_msec = now_msec();
  // RFC 5626, section 4.4.1: two empty lines ask whether somebody is there, one says yes. They may come in pieces.
  connection->empty += data->len;
  if (connection->empty < 4) return;
  connection->empty = 0;
  pjsip_tpselector selector;
  std::memset(&selector, 0, sizeof selector);
  selector.type = PJSIP_TPSELECTOR_TRANSPORT;
  selector.u.transport = data->tp;
  pjsip_tpmgr_send_raw(pjsip_endpt_get_tpmgr(endpoint_), static_cast<pjsip_transport_type_e>(data->tp->key.type), &selector, nullptr, "\r\n", 2,
                       &data->tp->key.rem_addr, pj_sockaddr_get_len(&data->tp->key.rem_addr), nullptr, nullptr);
}

void Client::deafen(int transport, bool deaf) {
  const auto found = transports_.find(transport);
  if (found == transports_.end() || !found->second.factory) return;
  // pjsip does not say which socket its listener has. The filter keeps nothing of any packet; where a kernel has no such
  // filters (gVisor), the door stays open.
  sock_filter nothing = {BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program = {1, &nothing};
  for (int socket = 3; socket < PJ_IOQUEUE_MAX_HANDLES; ++socket) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) continue;
    pj_sockaddr own;
    int length = sizeof own;
    if (pj_sock_getsockname(socket, &own, &length) != PJ_SUCCESS || pj_sockaddr_get_port(&own) != found->second.port) continue;
    setsockopt(socket, SOL_SOCKET, deaf ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &program, sizeof program);
  }
}

std::vector<int> Client::counts() const {
  return {static_cast<int>(pending_.size()), static_cast<int>(asked_.size()), static_cast<int>(connections_.size())};
}

void Client::read_icmp() {
  for (auto &one : transports_) {
    if (one.second.socket < 0) continue;
    for (;;) {
      pj_sockaddr where;
      char control[512], data[1];
      iovec vector = {data, sizeof data};
      msghdr message;
      std::memset(&message, 0, sizeof message);
      message.msg_name = &where;
      message.msg_namelen = sizeof where;
      message.msg_iov = &vector;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      if (recvmsg(one.second.socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
      for (cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
        const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
        if (!v4 && !v6) continue;
        const auto *error = reinterpret_cast<const sock_extended_err *>(CMSG_DATA(part));
        if (error->ee_errno == ECONNREFUSED && error->ee_origin != SO_EE_ORIGIN_LOCAL)
          events_.push_back({REFUSED, 0, 0, "", "", place(&where, true)});
      }
    }
  }
}

void Client::close_slow() {
  const long before = now_msec() - patience_msec_;
  std::vector<pjsip_transport *> slow;
  for (auto &one : connections_)
    if (one.second.partial_msec && one.second.partial_msec < before) slow.push_back(one.second.tp);
  for (pjsip_transport *tp : slow) fault(tp, "Slow");
}

void Client::wait(int msec) {
  if (!events_.empty()) msec = 0;
  const pj_time_val patience = {msec / 1000, msec % 1000};
  pjsip_endpt_handle_events(endpoint_, &patience);
  read_icmp();
  close_slow();
}

}  // namespace softphone
