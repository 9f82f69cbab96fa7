// A SIP client on pjsip's transactions: requests go out as they are given, and every final answer comes back whole, with the
// number of the request that it answers. No account, no timer of its own, no look-up of a name, no answer to a challenge.
//
// Nothing is called back: what happens is kept until `poll` hands it out. So no code of the application runs inside pjsip,
// where an error of it could not be told. One client a process, used by one thread.
#pragma once

#include <pjsip.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace softphone {

/** What happened. Which fields count is said at each kind. */
enum Kind {
  ANSWER,    /**< number: of the request; code: 0 where nothing came; reason: its words; text: the answer, whole; peer: our own
                  port, empty where no connection came about */
  REQUEST,   /**< number: for `reply`; text: its head, of INVITE and ACK with the body; reason: its method; peer: its address,
                  without port */
  OPENED,    /**< number: of the connection; code: 1 where another one made it; peer; text: when the certificate that the peer showed
                  ends, as Unix time in digits, empty where it showed none */
  CLOSED,    /**< number: of a connection that was told as opened; code, peer: as then */
  FAULT,     /**< reason: NotSip, TooLong or Slow; what came was thrown away, and a connection that brought it was closed */
  STRAY,     /**< an answer to no request that is waited for */
  REFUSED,   /**< peer: nobody listens at this UDP address, as ICMP said */
  SENT,      /**< text: the message; peer: transport and address. While tracing only, as the next one */
  RECEIVED,
  PROGRESS,  /**< number: of an INVITE; code; text: a provisional answer above 100, whole */
  LATE,      /**< text: a 2xx to an INVITE that is not waited for any more: it came again, or from another branch; code */
};

struct Event {
  Kind kind;
  long number;
  int code;
  std::string reason, text, peer;
};

/** What a stream's next bytes are: the beginning of a message, a whole one, or what can never become one. */
enum Frame { PARTIAL, WHOLE, HOPELESS, TOO_LONG };

/** Judges the bytes from where a message should begin (RFC 3261, sections 7.5 and 18.3). */
Frame judge(const std::string &data);

/** pjsip writes no log from now on. Before anything else, since it begins to write as it is made. */
void silence();

class Client {
 public:
  /** Begins to watch; pjsua is initialised. `allow`: the Allow header of all answers. */
  explicit Client(const std::string &allow);
  ~Client() { end(); }
  /** Ends it while its endpoint is still there; nothing else may be called then. */
  void end();

  /** Why it could not begin, or why the last transport could not be opened; empty where all is well. */
  std::string error() const { return error_; }

  /** Opens a transport at this address (empty: any; it decides between IPv4 and IPv6 where `v6` does not) and port (0: any).
      Its number, or -1 with the reason in `error`. */
  int udp(const std::string &address, int port, bool v6);
  int tcp(const std::string &address, int port, bool v6);
  /** For connections that are made to others only. Files may be empty. */
  int tls(const std::string &address, bool v6, const std::string &ca_file, const std::string &certificate_file,
          const std::string &key_file, int handshake_msec);
  /** The port at which a transport listens; 0 where it does not. */
  int port(int transport) const;
  void close_transport(int transport);

  /** Sends a request; an ANSWER follows, after `msec` at the latest. `headers`: whole lines, without From, To, Call-ID, CSeq and Via.
      `to`: within a dialog with its tag, `<URI>;tag=…`.
      `{port}` in a Contact becomes our own port on the connection: only then a PBX reaches the phone over it.
      Behind an empty line a session description may follow. An ACK is sent once, and nothing follows.
      `name`: the one that a certificate must have, else empty. Returns why it is not sent, in which case nothing follows. */
  std::string send(long number, const std::string &method, const std::string &uri, const std::string &from, const std::string &from_tag,
                   const std::string &to, const std::string &call_id, int cseq, const std::string &headers, const std::string &address,
                   int port, const std::string &name, int transport, int msec);
  /** Waits no longer for the answer to this request, and does not repeat it. */
  void cancel(long number);
  /** Answers a request that came; code 0: never. */
  void reply(long number, int code);
  // For calls (calls.cpp). No dialog is kept here: they are in Python.
  /** Sends CANCEL for an INVITE that is waited for; an ANSWER with `number` follows. Returns why it is not sent. */
  std::string send_cancel(long number, long invite, int msec);
  /** Answers a request that came, as often as this is called until it is `last`. `to_tag`: ours, where the request has none.
      `headers` as in `send`. */
  void respond(long number, int code, const std::string &to_tag, const std::string &headers, bool last);
  /** Lets a connection stay while nothing is sent over it, or not any more. */
  void hold(long connection, bool held);
  void close_connection(long connection);
  /** Of the connections that others made, the one that brought nothing for longest; 0 where there is none. */
  long quietest() const;
  /** Lets nobody connect to this TCP transport for now. */
  void deafen(int transport, bool deaf);
  /** Tells of every message from now on, or no more. */
  void trace(bool on) { tracing_ = on; }
  /** A connection on which a message was begun so long ago, and has not ended, is closed. */
  void set_patience(int msec) { patience_msec_ = msec; }
  /** Requests that are waited for, requests of others that are not answered yet, connections: for tests. */
  std::vector<int> counts() const;

  /** Waits so long for the network, not at all where something has happened already. */
  void wait(int msec);
  std::deque<Event> &events() { return events_; }

  // Called by pjsip.
  void ended(pjsip_transaction *tsx, pjsip_event *event);
  bool came(pjsip_rx_data *rdata);
  void goes(pjsip_tx_data *tdata);
  void went(pjsip_tx_data *tdata);
  void traced(pjsip_rx_data *rdata);
  void stray() { events_.push_back({STRAY, 0, 0, "", "", ""}); }
  bool late(pjsip_rx_data *rdata);
  void changed(pjsip_transport *tp, pjsip_transport_state state, const pjsip_transport_state_info *info);
  void received(pjsip_tp_rx_data *data);
  void dropped(pjsip_tp_dropped_data *data);

 private:
  struct Transport {
    pjsip_transport *udp = nullptr;
    pjsip_tpfactory *factory = nullptr;
    pjsip_transport_type_e type = PJSIP_TRANSPORT_UNSPECIFIED;
    int socket = -1;
    int port = 0;
  };
  struct Pending {
    pjsip_transaction *tsx;
    long sent_msec;
    bool asks_for_a_binding;
  };
  struct Connection {
    pjsip_transport *tp;
    bool incoming, held;
    long heard_msec, partial_msec;
    size_t empty;  // bytes of empty lines since the last message
    std::string peer;
  };

  static void write(pjsip_tx_data *tdata, const std::string &headers);
  static pjsip_module *transactions();
  int kept(const Transport &transport);
  int failed(const char *what, pj_status_t status);
  Connection *of(pjsip_transport *tp, long *number = nullptr);
  void fault(pjsip_transport *tp, const char *reason);
  void read_icmp();
  void close_slow();

  pjsip_endpoint *endpoint_ = nullptr;
  std::string error_;
  std::deque<Event> events_;
  std::map<int, Transport> transports_;
  std::map<long, Pending> pending_;
  std::map<long, pjsip_rx_data *> asked_;
  std::map<long, Connection> connections_;
  std::map<pjsip_transport *, long> numbers_;
  std::vector<pjsip_module *> modules_;
  pjsip_hdr answer_headers_;
  pj_pool_t *pool_ = nullptr;
  int next_transport_ = 0;
  long next_number_ = 0;
  long patience_msec_ = 4000;
  bool tracing_ = false;
};

}  // namespace softphone
