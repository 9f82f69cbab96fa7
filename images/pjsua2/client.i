/* The client (client.h) as Python sees it: what happened comes as a list of tuples, since an object for each would cost more
   than all that is done with it. */

%{
#include "client.h"
%}

%include <std_string.i>

%nothread softphone::Client::poll;
%ignore softphone::Client::wait;
%ignore softphone::Client::events;
%ignore softphone::Client::ended;
%ignore softphone::Client::came;
%ignore softphone::Client::went;
%ignore softphone::Client::traced;
%ignore softphone::Client::stray;
%ignore softphone::Client::late;
%ignore softphone::Client::changed;
%ignore softphone::Client::received;
%ignore softphone::Client::dropped;
%ignore softphone::Event;
%rename(SIP_ANSWER) softphone::ANSWER;
%rename(SIP_REQUEST) softphone::REQUEST;
%rename(SIP_OPENED) softphone::OPENED;
%rename(SIP_CLOSED) softphone::CLOSED;
%rename(SIP_FAULT) softphone::FAULT;
%rename(SIP_STRAY) softphone::STRAY;
%rename(SIP_REFUSED) softphone::REFUSED;
%rename(SIP_SENT) softphone::SENT;
%rename(SIP_RECEIVED) softphone::RECEIVED;
%rename(SIP_PROGRESS) softphone::PROGRESS;
%rename(SIP_LATE) softphone::LATE;
%rename(FRAME_PARTIAL) softphone::PARTIAL;
%rename(FRAME_WHOLE) softphone::WHOLE;
%rename(FRAME_HOPELESS) softphone::HOPELESS;
%rename(FRAME_TOO_LONG) softphone::TOO_LONG;
%rename(silence_log) softphone::silence;
%ignore softphone::judge;
%rename(SipClient) softphone::Client;

%include "client.h"

%nothread judge_frame;
%inline %{
/* What these bytes are, one of FRAME_*; -1 for what is not bytes. */
int judge_frame(PyObject *data) {
  if (!PyBytes_Check(data)) return -1;
  return softphone::judge(std::string(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)));
}
%}

%extend softphone::Client {
  /* Waits so long for the network and returns what happened: (kind, number, code, reason, text, peer) each. */
  PyObject *poll(int msec) {
    Py_BEGIN_ALLOW_THREADS
    $self->wait(msec);
    Py_END_ALLOW_THREADS
    auto &events = $self->events();
    PyObject *happened = PyList_New(0);
    auto text = [](const std::string &from) { return PyUnicode_DecodeUTF8(from.data(), from.size(), "surrogateescape"); };
    while (happened && !events.empty()) {
      const softphone::Event &one = events.front();
      PyObject *entry = Py_BuildValue("iliNNN", static_cast<int>(one.kind), one.number, one.code, text(one.reason), text(one.text), text(one.peer));
      const bool kept = entry && PyList_Append(happened, entry) == 0;
      Py_XDECREF(entry);
      if (!kept) Py_CLEAR(happened);
      events.pop_front();
    }
    return happened;
  }
}
