// SPDX-License-Identifier: Apache-2.0
//
// The null milter: takes every event and every byte and changes nothing. Stands before and after the engine
// in the tests of several milters in a row, and is the yardstick of bench. One line a message on stderr:
// queue id, header fields, body bytes. Usage: null_milter SOCKET [--sleep MS] [--silent].
//   --sleep MS  every end of message takes so long
//   --silent    no reply to any event but MAIL and the end of message, and no line (the NR flags, where
//   offered)
#include <libmilter/mfapi.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

int sleep_ms = 0;
bool silent = false;

struct Message {
    unsigned long fields = 0;
    unsigned long long body_bytes = 0;
};

Message* message_of(SMFICTX* context) {
    return static_cast<Message*>(smfi_getpriv(context));
}

// Exceptions must not cross libmilter's C frames: new is the nothrow one.
sfsistat on_mail(SMFICTX* context, char** /*arguments*/) {
    delete message_of(context);
    auto* message = new (std::nothrow) Message;
    if (message == nullptr || smfi_setpriv(context, message) != MI_SUCCESS) {
        delete message;
        return SMFIS_ACCEPT;
    }
    return SMFIS_CONTINUE;
}

sfsistat on_header(SMFICTX* context, char* /*name*/, char* /*value*/) {
    if (message_of(context) != nullptr) ++message_of(context)->fields;
    return silent ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

sfsistat on_body(SMFICTX* context, unsigned char* /*bytes*/, std::size_t size) {
    if (message_of(context) != nullptr) message_of(context)->body_bytes += size;
    return silent ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

sfsistat on_eom(SMFICTX* context) {
    const Message* message = message_of(context);
    char queue_macro[] = "i";
    const char* queue_id = smfi_getsymval(context, queue_macro);
    if (sleep_ms > 0) ::usleep(static_cast<useconds_t>(sleep_ms) * 1000);
    if (message != nullptr && !silent) {
        std::fprintf(stderr, "%s: fields=%lu body=%llu\n", queue_id == nullptr ? "?" : queue_id,
                     message->fields, message->body_bytes);
    }
    return SMFIS_CONTINUE;
}

sfsistat on_close(SMFICTX* context) {
    delete message_of(context);
    smfi_setpriv(context, nullptr);
    return SMFIS_CONTINUE;
}

constexpr unsigned long kSilent = SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_RCPT | SMFIP_NR_DATA |
                                  SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY | SMFIP_NR_UNKN;

sfsistat on_negotiate(SMFICTX* /*context*/, unsigned long actions, unsigned long steps, unsigned long,
                      unsigned long, unsigned long* want_actions, unsigned long* want_steps,
                      unsigned long* want2, unsigned long* want3) {
    if ((steps & kSilent) != kSilent) return SMFIS_REJECT;
    *want_actions = actions & SMFIF_CHGBODY;
    *want_steps = kSilent;
    *want2 = *want3 = 0;
    return SMFIS_CONTINUE;
}

sfsistat on_connect(SMFICTX* /*context*/, char* /*host*/, _SOCK_ADDR* /*address*/) {
    return SMFIS_NOREPLY;
}

sfsistat on_text(SMFICTX* /*context*/, char* /*text*/) {
    return SMFIS_NOREPLY;
}

sfsistat on_recipient(SMFICTX* /*context*/, char** /*arguments*/) {
    return SMFIS_NOREPLY;
}

sfsistat on_plain_event(SMFICTX* /*context*/) {
    return SMFIS_NOREPLY;
}

void be_silent(smfiDesc& filter) {
    filter.xxfi_flags = SMFIF_CHGBODY;
    filter.xxfi_negotiate = on_negotiate;
    filter.xxfi_connect = on_connect;
    filter.xxfi_helo = on_text;
    filter.xxfi_envrcpt = on_recipient;
    filter.xxfi_data = on_plain_event;
    filter.xxfi_eoh = on_plain_event;
}

bool read_options(int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
        if (std::strcmp(argv[i], "--silent") == 0) {
            silent = true;
        } else if (std::strcmp(argv[i], "--sleep") == 0 && i + 1 < argc) {
            sleep_ms = std::atoi(argv[++i]);
        } else {
            return false;
        }
    }
    return argc >= 2;
}

smfiDesc description() {
    static char name[] = "null_milter";
    smfiDesc filter = {};
    filter.xxfi_name = name;
    filter.xxfi_version = SMFI_VERSION;
    filter.xxfi_envfrom = on_mail;
    filter.xxfi_header = on_header;
    filter.xxfi_body = on_body;
    filter.xxfi_eom = on_eom;
    filter.xxfi_close = on_close;
    if (silent) be_silent(filter);
    return filter;
}

}  // namespace

int main(int argc, char** argv) {
    if (!read_options(argc, argv)) {
        std::fputs("usage: null_milter SOCKET [--sleep MS] [--silent]\n", stderr);
        return 2;
    }
    if (smfi_setconn(argv[1]) == MI_FAILURE || smfi_register(description()) == MI_FAILURE) {
        std::fprintf(stderr, "null_milter: cannot listen on %s\n", argv[1]);
        return 1;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
