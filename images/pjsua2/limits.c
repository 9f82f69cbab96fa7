/* What a program cannot ask pjsua2 for, and must know: asking for one account too many aborts other builds. */
#include <pjsua-lib/pjsua.h>

__attribute__((visibility("default"))) const unsigned softphone_fleet_max_accounts = PJSUA_MAX_ACC;
