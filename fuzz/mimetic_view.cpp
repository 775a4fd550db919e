// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mimetic_view.hpp"

#include <mimetic/mimetic.h>

#include <exception>

namespace optimilter::fuzz {

namespace {

void collect(mimetic::MimeEntity& entity, std::size_t depth, std::vector<SeenEntity>& seen) {
    SeenEntity one;
    one.depth = depth;
    for (const mimetic::Field& field : entity.header())
        one.fields += field.name() + ":" + field.value() + "\n";
    if (entity.body().parts().empty()) {
        one.text = entity.body();
        std::erase(one.text, '\r');
    }
    seen.push_back(std::move(one));
    for (mimetic::MimeEntity* part : entity.body().parts()) collect(*part, depth + 1, seen);
}

}  // namespace

std::optional<std::vector<SeenEntity>> entities_by_mimetic(std::string_view mail) {
    if (mail.size() > kLargestMimeticMail) return std::nullopt;
    std::vector<SeenEntity> seen;
    try {
        mimetic::MimeEntity entity;
        entity.load(mail.begin(), mail.end());
        collect(entity, 0, seen);
    } catch (const std::exception&) {
        return std::nullopt;
    }
    return seen;
}

}  // namespace optimilter::fuzz
