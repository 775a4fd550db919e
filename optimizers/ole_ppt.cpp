// SPDX-License-Identifier: Apache-2.0
//
// PowerPoint 97 to 2003 ([MS-PPT]): all pictures are in the stream "Pictures", to which nothing but the
// entries of the blip store refers. Documents saved fast hold old versions of the store too; their entries
// are patched as well.
#include "optimizers/ole_delayed.hpp"

namespace optimilter {

std::optional<Attempt> work_on_ppt(OleWork& work) {
    constexpr std::uint32_t kEncryptedToken = 0xF3D1C4DF;  // CurrentUserAtom (2.3.2)
    constexpr std::uint16_t kCryptSession = 0x2F14;        // CryptSession10Container (2.3.7)
    if (work.file.find(0, "PersistentStorage Directory")) {
        return leave_alone(Outcome::kNotApplicable, "presentation before PowerPoint 97");
    }
    const Bytes* const user = work.file.root_stream("Current User");
    if (user == nullptr || user->size() < 20) {
        return leave_alone(Outcome::kMalformed, "presentation without its current user");
    }
    if (read_le32(user->data() + 12) == kEncryptedToken) {
        return leave_alone(Outcome::kUntouchable, "encrypted presentation");
    }
    const std::uint32_t document = *work.file.find(0, "PowerPoint Document");
    const auto pictures = work.file.find(0, "Pictures");
    if (!pictures) return std::nullopt;
    DelayedPictures delayed(work, document, {0, work.file.entries[document].content.size()}, *pictures);
    if (!delayed.find_entries()) {
        return leave_alone(Outcome::kMalformed, "records of the presentation do not fit together");
    }
    if (delayed.met(kCryptSession)) return leave_alone(Outcome::kUntouchable, "encrypted presentation");
    if (!delayed.find_pictures(0)) {
        return leave_alone(Outcome::kNotApplicable, "picture store does not fit the picture stream");
    }
    delayed.shrink();
    return std::nullopt;
}

}  // namespace optimilter
