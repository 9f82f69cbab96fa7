/* What an agent has no use for: calls, media, video, buddies, tones. Python would make 5000 functions and properties of
   it at each start, and keep them: 5 MB. Read by SWIG before pjsua2's own interface. */

%rename("$ignore", regextarget=1, fullname=1) "^pj::(Call|OnCall|OnStream|OnDtmf|OnCreateMediaTransport|Stream|CallInfo|Sdp).*";
%rename("$ignore", regextarget=1, fullname=1) "^pj::(Audio|AudDev|ExtraAudio|Video|Vid|Media(Frame|Coordinate|Size|Event|Transport|FmtChanged)|Ai|Conf).*";
%rename("$ignore", regextarget=1, fullname=1) "^pj::(Tone|Window|Codec|Rtcp(Stream|Sdes|Stat)|MathStat|LossType|Jbuf).*";
%rename("$ignore", regextarget=1, fullname=1) "^pj::(Buddy|OnBuddy|Presence|FindBuddy|Json|OnAudioMedia|OnVideoMedia|OnMediaEvent).*";
