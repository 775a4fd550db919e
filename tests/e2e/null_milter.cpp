// SPDX-License-Identifier: Apache-2.0
//
// The null milter: takes every event and every byte and changes nothing. Stands before and after the engine
// in the tests of several milters in a row, and is the yardstick of bench. One line a message on stderr:
// queue id, header fields, body bytes. Usage: null_milter SOCKET.
#include <libmilter/mfapi.h>

#include <cstdio>
#include <cstring>
#include <new>

namespace {

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
    return SMFIS_CONTINUE;
}

sfsistat on_body(SMFICTX* context, unsigned char* /*bytes*/, std::size_t size) {
    if (message_of(context) != nullptr) message_of(context)->body_bytes += size;
    return SMFIS_CONTINUE;
}

sfsistat on_eom(SMFICTX* context) {
    const Message* message = message_of(context);
    char queue_macro[] = "i";
    const char* queue_id = smfi_getsymval(context, queue_macro);
    if (message != nullptr) {
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
    return filter;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: null_milter SOCKET\n", stderr);
        return 2;
    }
    if (smfi_setconn(argv[1]) == MI_FAILURE || smfi_register(description()) == MI_FAILURE) {
        std::fprintf(stderr, "null_milter: cannot listen on %s\n", argv[1]);
        return 1;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
