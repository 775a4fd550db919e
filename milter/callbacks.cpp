// SPDX-License-Identifier: Apache-2.0
#include "milter/callbacks.hpp"

#include <arpa/inet.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>

#include <exception>
#include <string>

#include "base/log.hpp"
#include "milter/apply_edits.hpp"
#include "milter/message_log.hpp"
#include "milter/session.hpp"

namespace optimilter {

namespace {

Engine* engine_ = nullptr;  // libmilter has no place for it in its callbacks

Session* session_of(SMFICTX* ctx) {
    return static_cast<Session*>(smfi_getpriv(ctx));
}

// Runs body with the session. No session (it could not be made) and any exception: this message is not ours.
template <typename Body>
sfsistat guarded(SMFICTX* ctx, Body&& body) noexcept {
    try {
        Session* session = session_of(ctx);
        return session == nullptr ? SMFIS_ACCEPT : body(*session);
    } catch (const std::exception& error) {
        log_error("internal: {}: message passes unchanged", error.what());
    } catch (...) {
        log_error("internal: unknown exception: message passes unchanged");
    }
    return SMFIS_ACCEPT;
}

sfsistat reply(Step step) {
    switch (step) {
        case Step::kContinue:
            return SMFIS_CONTINUE;
        case Step::kSkip:
            return SMFIS_SKIP;
        case Step::kAccept:
            return SMFIS_ACCEPT;
    }
    return SMFIS_ACCEPT;
}

std::string macro(SMFICTX* ctx, const char* name) {
    std::string symbol(name);
    const char* value = smfi_getsymval(ctx, symbol.data());
    return value == nullptr ? std::string() : std::string(value);
}

std::string address_text(const _SOCK_ADDR* address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address == nullptr) return {};
    if (address->sa_family == AF_INET) {
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
    } else if (address->sa_family == AF_INET6) {
        ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof text);
    }
    return text;
}

// Postfix does not send {client_addr} unless asked; the lists are ours, whatever main.cf says.
void ask_for_macros(SMFICTX* ctx) {
    const auto ask = [ctx](int stage, std::string names) { smfi_setsymlist(ctx, stage, names.data()); };
    ask(SMFIM_CONNECT, "j {client_addr} {daemon_name} {stress}");
    ask(SMFIM_ENVFROM, "i {auth_authen}");
    ask(SMFIM_EOM, "i");
}

Session& open_session(SMFICTX* ctx) {
    if (Session* session = session_of(ctx)) return *session;
    auto session = std::make_unique<Session>(*engine_);
    if (smfi_setpriv(ctx, session.get()) != MI_SUCCESS)
        throw std::runtime_error("libmilter keeps no session");
    return *session.release();
}

// Asks only for what is offered. Never no-reply for MAIL, end of headers or body: an ACCEPT or SKIP there
// would be ignored, and those are the answers that save the body's way to us.
sfsistat on_negotiate(SMFICTX* ctx, unsigned long actions, unsigned long steps, unsigned long, unsigned long,
                      unsigned long* want_actions, unsigned long* want_steps, unsigned long* want2,
                      unsigned long* want3) noexcept {
    constexpr unsigned long kActions = SMFIF_CHGBODY | SMFIF_ADDHDRS | SMFIF_SETSYMLIST;
    constexpr unsigned long kSteps = SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_CONN |
                                     SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_SKIP | SMFIP_HDR_LEADSPC;
    *want_actions = actions & kActions;
    *want_steps = steps & kSteps;
    *want2 = *want3 = 0;
    try {
        Session& session = open_session(ctx);
        session.set_agreed({.replace_body = (actions & SMFIF_CHGBODY) != 0,
                            .add_header = (actions & SMFIF_ADDHDRS) != 0,
                            .skip_body = (steps & SMFIP_SKIP) != 0,
                            .quiet_connect = (steps & SMFIP_NR_CONN) != 0,
                            .quiet_header = (steps & SMFIP_NR_HDR) != 0,
                            .quiet_recipient = (steps & SMFIP_NR_RCPT) != 0,
                            .leading_space = (steps & SMFIP_HDR_LEADSPC) != 0});
        if ((actions & SMFIF_SETSYMLIST) != 0) ask_for_macros(ctx);
    } catch (const std::exception& error) {
        log_error("internal: {}: session passes unchanged", error.what());
    }
    return SMFIS_CONTINUE;
}

sfsistat on_connect(SMFICTX* ctx, char*, _SOCK_ADDR* address) noexcept {
    return guarded(ctx, [&](Session& session) {
        std::string client = macro(ctx, "{client_addr}");
        session.set_listener(macro(ctx, "{daemon_name}"));
        session.set_client(client.empty() ? address_text(address) : std::move(client));
        if (!macro(ctx, "{stress}").empty()) session.note_stress();
        return session.agreed().quiet_connect ? SMFIS_NOREPLY : SMFIS_CONTINUE;
    });
}

sfsistat on_envfrom(SMFICTX* ctx, char** arguments) noexcept {
    return guarded(ctx, [&](Session& session) {
        session.reply_arrived();
        const std::string user = macro(ctx, "{auth_authen}");
        return reply(session.begin_message(arguments[0] == nullptr ? "" : arguments[0], !user.empty(), user));
    });
}

sfsistat on_recipient(SMFICTX* ctx, char** arguments) noexcept {
    return guarded(ctx, [&](Session& session) {
        session.add_recipient(arguments[0] == nullptr ? "" : arguments[0]);
        return session.agreed().quiet_recipient ? SMFIS_NOREPLY : SMFIS_CONTINUE;
    });
}

sfsistat on_header(SMFICTX* ctx, char* name, char* value) noexcept {
    return guarded(ctx, [&](Session& session) {
        session.add_header(name, value);
        return session.agreed().quiet_header ? SMFIS_NOREPLY : SMFIS_CONTINUE;
    });
}

// The log's line of a message whose body we did not ask for.
void log_unread(SMFICTX* ctx, Session& session) {
    TripResult result;
    result.reason = session.pass_reason();
    result.rule = session.rule();
    log_message({macro(ctx, "i"), session.direction(), session.load_level(), 0, session.receive_ms(), 0},
                result);
}

sfsistat on_end_of_headers(SMFICTX* ctx) noexcept {
    return guarded(ctx, [&](Session& session) {
        const Step step = session.end_headers();
        if (step == Step::kAccept) {
            log_unread(ctx, session);
            session.end_message();
        }
        return reply(step);
    });
}

sfsistat on_body(SMFICTX* ctx, unsigned char* chunk, size_t size) noexcept {
    return guarded(ctx, [&](Session& session) { return reply(session.add_body({chunk, size})); });
}

sfsistat on_end_of_message(SMFICTX* ctx) noexcept {
    return guarded(ctx, [&](Session& session) {
        TripResult result = session.finish(macro(ctx, "i"));
        const Stopwatch watch;
        const bool trace = session.settings().trace_header && session.agreed().add_header;
        const std::string_view space = session.agreed().leading_space ? " " : "";
        const bool sent =
            apply_edits(ctx, result, session.body_bytes(), trace ? std::optional(space) : std::nullopt);
        if (!sent) {
            log_warning("{}: the MTA did not take the new body", session.queue_id());
            result.new_body.reset();
            result.reason = "the MTA did not take the new body";
        }
        log_message({session.queue_id(), session.direction(), session.load_level(), session.body_bytes(),
                     session.receive_ms(), watch.elapsed_ms()},
                    result);
        session.end_message();
        return SMFIS_ACCEPT;
    });
}

sfsistat on_abort(SMFICTX* ctx) noexcept {
    return guarded(ctx, [](Session& session) {
        session.reply_arrived();
        session.end_message();
        return SMFIS_CONTINUE;
    });
}

sfsistat on_close(SMFICTX* ctx) noexcept {
    delete session_of(ctx);
    smfi_setpriv(ctx, nullptr);
    return SMFIS_CONTINUE;
}

}  // namespace

bool register_callbacks(Engine& engine) {
    engine_ = &engine;
    smfiDesc filter{};
    std::string name = "optimilter";
    filter.xxfi_name = name.data();
    filter.xxfi_version = SMFI_VERSION;
    filter.xxfi_flags = SMFIF_CHGBODY | SMFIF_ADDHDRS | SMFIF_SETSYMLIST;
    filter.xxfi_negotiate = on_negotiate;
    filter.xxfi_connect = on_connect;
    filter.xxfi_envfrom = on_envfrom;
    filter.xxfi_envrcpt = on_recipient;
    filter.xxfi_header = on_header;
    filter.xxfi_eoh = on_end_of_headers;
    filter.xxfi_body = on_body;
    filter.xxfi_eom = on_end_of_message;
    filter.xxfi_abort = on_abort;
    filter.xxfi_close = on_close;
    return smfi_register(filter) == MI_SUCCESS;
}

}  // namespace optimilter
