// What a client does for calls, besides what it does for all requests. See client.h.
#include "client.h"

#include <algorithm>

namespace softphone {

namespace {

pj_str_t str(const std::string &text) { return {const_cast<char *>(text.data()), static_cast<pj_ssize_t>(text.size())}; }

}  // namespace

void Client::write(pjsip_tx_data *tdata, const std::string &headers) {
  pj_pool_t *pool = tdata->pool;
  for (size_t begin = 0; begin < headers.size();) {
    size_t end = headers.find('\n', begin);
    if (end == std::string::npos) end = headers.size();
    if (end == begin) {
      const std::string text = headers.substr(begin + 1);
      pj_str_t type = pj_str(const_cast<char *>("application")), subtype = pj_str(const_cast<char *>("sdp")), body = str(text);
      tdata->msg->body = pjsip_msg_body_create(pool, &type, &subtype, &body);
      return;
    }
    const size_t colon = headers.find(':', begin);
    if (colon != std::string::npos && colon < end) {
      const size_t value = std::min(headers.find_first_not_of(' ', colon + 1), end);
      const std::string name = headers.substr(begin, colon - begin), text = headers.substr(value, end - value);
      pj_str_t header = str(name), content = str(text);
      pjsip_msg_add_hdr(tdata->msg, reinterpret_cast<pjsip_hdr *>(pjsip_generic_string_hdr_create(pool, &header, &content)));
    }
    begin = end + 1;
  }
}

std::string Client::send_cancel(long number, long invite, int msec) {
  const auto found = pending_.find(invite);
  if (found == pending_.end()) return "the INVITE is not waited for";
  pjsip_transaction *of = found->second.tsx;
  if (of->method.id != PJSIP_INVITE_METHOD || !of->last_tx) return "it is no INVITE";
  pjsip_tx_data *tdata;
  if (pjsip_endpt_create_cancel(endpoint_, of->last_tx, &tdata) != PJ_SUCCESS) return "no CANCEL can be made";
  // The Route headers of ours are text to pjsip, which copies only those that it has parsed.
  const pj_str_t route = pj_str(const_cast<char *>("Route"));
  for (void *hdr = pjsip_msg_find_hdr_by_name(of->last_tx->msg, &route, nullptr); hdr;
       hdr = pjsip_msg_find_hdr_by_name(of->last_tx->msg, &route, static_cast<pjsip_hdr *>(hdr)->next)) {
    pjsip_msg_add_hdr(tdata->msg, static_cast<pjsip_hdr *>(pjsip_hdr_clone(tdata->pool, hdr)));
    if (static_cast<pjsip_hdr *>(hdr)->next == &of->last_tx->msg->hdr) break;
  }
  const pjsip_tpselector selector = of->last_tx->tp_sel;
  pjsip_tx_data_set_transport(tdata, &selector);
  pjsip_tsx_set_timers(0, 0, 1000, msec);
  pjsip_transaction *tsx;
  if (pjsip_tsx_create_uac(transactions(), tdata, &tsx) != PJ_SUCCESS) {
    pjsip_tx_data_dec_ref(tdata);
    return "no CANCEL can be sent";
  }
  pjsip_tsx_set_transport(tsx, &selector);
  pending_[number] = {tsx, found->second.sent_msec};
  tsx->mod_data[transactions()->id] = reinterpret_cast<void *>(number);
  if (pjsip_tsx_send_msg(tsx, nullptr) == PJ_SUCCESS) return "";
  pjsip_tx_data_dec_ref(tdata);
  pending_.erase(number);
  tsx->mod_data[transactions()->id] = nullptr;
  if (tsx->state < PJSIP_TSX_STATE_TERMINATED) pjsip_tsx_terminate(tsx, PJSIP_SC_SERVICE_UNAVAILABLE);
  return "the CANCEL was not sent";
}

void Client::respond(long number, int code, const std::string &to_tag, const std::string &headers, bool last) {
  const auto found = asked_.find(number);
  if (found == asked_.end()) return;
  pjsip_rx_data *rdata = found->second;
  pjsip_tx_data *tdata;
  if (pjsip_endpt_create_response(endpoint_, rdata, code, nullptr, &tdata) == PJ_SUCCESS) {
    if (!rdata->msg_info.to->tag.slen && !to_tag.empty()) {
      pj_str_t tag = str(to_tag);
      pj_strdup(tdata->pool, &PJSIP_MSG_TO_HDR(tdata->msg)->tag, &tag);
    }
    write(tdata, headers);
    if (pjsip_endpt_send_response2(endpoint_, rdata, tdata, nullptr, nullptr) != PJ_SUCCESS) pjsip_tx_data_dec_ref(tdata);
  }
  if (!last) return;
  asked_.erase(number);
  pjsip_rx_data_free_cloned(rdata);
}

bool Client::late(pjsip_rx_data *rdata) {
  const auto &came = rdata->msg_info;
  const int code = came.msg->line.status.code;
  if (!came.cseq || came.cseq->method.id != PJSIP_INVITE_METHOD || code < 200 || code > 299) return false;
  events_.push_back({LATE, 0, code, "", std::string(came.msg_buf, came.len), ""});
  return true;
}

}  // namespace softphone
