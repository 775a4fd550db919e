// SPDX-License-Identifier: Apache-2.0
//
// One connection of the MTA: its client, and the message that is coming in. Turns milter events into a
// TripInput; knows no libmilter. Callbacks of one session come one after another, but on different threads,
// so nothing here is tied to a thread.
//
// Security: everything is the sender's. Header bytes are bounded per message, body bytes by the engine's
// BodyBudget.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/memfd.hpp"
#include "mail/header_field.hpp"
#include "milter/engine.hpp"
#include "milter/trip.hpp"
#include "policy/decide.hpp"
#include "policy/message_policy.hpp"

namespace optimilter {

// What the milter is to do next with the message.
enum class Step {
    kContinue,  // go on
    kSkip,      // no more body chunks, please (SMFIS_SKIP)
    kAccept,    // done with this message
};

class Session {
  public:
    explicit Session(Engine& engine) : engine_(engine) {}
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // The client's address as the MTA tells it ({client_addr}), for direction and budgets. From here on it is
    // an open session: those who only probe the socket come no further than the negotiation.
    void set_client(std::string address);
    // The MTA says that it is under stress (Postfix's {stress}).
    void note_stress() { engine_.load.stressed(); }
    // Which of the MTA's listeners it came to ({daemon_name}), for the rules.
    void set_listener(std::string name) { listener_ = std::move(name); }
    // What the MTA agreed to; set once, after the negotiation.
    struct Agreed {
        bool replace_body = true;  // false: there is nothing we could do
        bool add_header = true;
        bool skip_body = false;  // it knows SKIP
        bool quiet_connect =
            false;  // connect and header events want no answer: any would shift all later ones
        bool quiet_header = false;
        bool quiet_recipient = false;  // the same of recipients
        bool leading_space = false;    // header values come and go with the space after the colon
    };
    void set_agreed(const Agreed& agreed) { agreed_ = agreed; }
    const Agreed& agreed() const { return agreed_; }

    // sender: envelope sender as the MTA gives it, "<>" for the null sender.
    // auth_user: who has authenticated, for the rules.
    Step begin_message(std::string_view sender, bool authenticated, std::string_view auth_user = {});
    void add_recipient(std::string_view address);
    void add_header(std::string_view name, std::string_view value);
    Step end_headers();
    Step add_body(ByteView chunk);
    // The whole decision. queue_id: for the log.
    TripResult finish(std::string queue_id);
    // The message is over, however it ended.
    void end_message();
    // A sign of life from the MTA: it has whatever we replied.
    void reply_arrived();

    // Why the message passes unread; empty: it does not. Good until the message is over.
    std::string_view pass_reason() const { return pass_reason_; }
    // The rule that decided for the message as a whole; empty: none.
    std::string_view rule() const { return policy_ ? policy_->rule() : std::string_view(); }
    // From the end of headers on what the rules make of them for this message.
    const Settings& settings() const { return policy_ ? policy_->settings() : *settings_; }
    const std::string& queue_id() const { return queue_id_; }
    Direction direction() const { return direction_; }
    std::uint8_t load_level() const { return load_.level; }
    std::size_t body_bytes() const { return body_ ? body_->size() : 0; }
    double receive_ms() const { return receive_ms_; }

  private:
    struct StoredField {
        ByteRange name;
        ByteRange value;
    };
    HeaderFields fields() const;
    // Load control wants this message to pass unread.
    bool bypassed();
    void ask_rules(const HeaderFields& fields);
    // Gives the body's memory back and remembers why the message passes unread.
    void shed(std::string_view reason);
    TripResult passed(std::string_view reason) const;
    TripResult travel(const Memfd& body);

    Engine& engine_;
    std::string client_;
    std::string listener_;
    Agreed agreed_;
    bool replying_ = false;
    bool counted_ = false;  // in Engine::sessions

    std::shared_ptr<const Settings> settings_;
    std::optional<MessagePolicy> policy_;
    std::string queue_id_;
    bool null_sender_ = false;
    Direction direction_ = Direction::kInbound;
    LoadLimits load_;  // of the moment the message began
    std::string header_text_;
    std::vector<StoredField> stored_fields_;
    std::optional<Memfd> body_;
    std::size_t budgeted_ = 0;
    std::string_view pass_reason_;
    Stopwatch received_;
    double receive_ms_ = 0;
};

}  // namespace optimilter
