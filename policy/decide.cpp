// SPDX-License-Identifier: Apache-2.0
#include "policy/decide.hpp"

#include <algorithm>
#include <cmath>

#include "policy/network.hpp"

namespace optimilter {

std::string_view direction_name(Direction direction) {
    return direction == Direction::kInbound ? "inbound" : "outbound";
}

Direction message_direction(const Settings& settings, std::string_view client_address, bool authenticated) {
    if (authenticated) return Direction::kOutbound;
    const auto address = parse_address(client_address);
    if (!address) return Direction::kInbound;
    const bool internal =
        std::any_of(settings.internal_networks.begin(), settings.internal_networks.end(),
                    [&](const Network& network) { return network_contains(network, *address); });
    return internal ? Direction::kOutbound : Direction::kInbound;
}

MessagePlan plan_message(const Settings& settings, Direction direction) {
    MessagePlan plan;
    plan.skip_dkim =
        direction == Direction::kInbound ? settings.skip_dkim_inbound : settings.skip_dkim_outbound;
    plan.options = profile_options(settings);
    plan.deadline_ms = settings.deadline;
    plan.dry_run = settings.dry_run;
    plan.trace_header = settings.trace_header;
    return plan;
}

// The narrowing casts are safe: settings.def bounds every number.
Options profile_options(const Settings& settings) {
    const Profile& profile = find_profile(settings.profile);
    Options options;
    options.lossy = profile.lossy;
    options.enabled_formats = settings.formats.bits;
    options.jpeg_progressive = settings.jpeg_progressive.value_or(profile.jpeg_progressive);
    options.jpeg_quality_max =
        static_cast<std::uint8_t>(settings.jpeg_quality_max.value_or(profile.jpeg_quality_max));
    options.jpeg_quality_min =
        static_cast<std::uint8_t>(settings.jpeg_quality_min.value_or(profile.jpeg_quality_min));
    options.score_min =
        static_cast<std::uint16_t>(std::lround(settings.score_min.value_or(profile.score_min) * 10000));
    options.score_min_text = static_cast<std::uint16_t>(
        std::lround(settings.score_min_text.value_or(profile.score_min_text) * 10000));
    options.max_side_px = settings.max_side_px.value_or(profile.max_side_px);
    options.png_quantize = settings.png_quantize.value_or(profile.png_quantize);
    options.png_quality_min =
        static_cast<std::uint8_t>(settings.png_quality_min.value_or(profile.png_quality_min));
    options.keep_gps = settings.keep_gps.value_or(profile.keep_gps);
    options.document_ppi = static_cast<std::uint16_t>(settings.document_ppi.value_or(profile.document_ppi));
    options.convert_formats = settings.convert ? settings.convert->bits : profile.convert_formats;
    options.effort = static_cast<std::uint8_t>(settings.effort);
    options.max_pixels = settings.max_pixels;
    options.max_expanded_bytes = settings.max_expanded;
    options.max_entries = settings.max_entries;
    options.max_depth = static_cast<std::uint8_t>(settings.max_depth);
    return options;
}

std::string_view part_excluded(const Settings& settings, Format format, std::size_t decoded_size) {
    if (format == Format::kUnknown) return "format not known";
    if (!FormatSet::all().has(format)) return "format not supported";
    if (!settings.formats.has(format)) return "format switched off";
    if (decoded_size < settings.min_size) return "smaller than min_size";
    if (decoded_size > settings.max_size) return "larger than max_size";
    return {};
}

bool gain_is_enough(const Settings& settings, std::size_t bytes_in, std::size_t bytes_out) {
    if (bytes_out >= bytes_in) return false;
    const std::size_t gain = bytes_in - bytes_out;
    // The percentage of bytes_in, rounded up, in an order that cannot overflow.
    const std::size_t percent = settings.min_gain_percent;
    const std::size_t wanted = bytes_in / 100 * percent + (bytes_in % 100 * percent + 99) / 100;
    return gain >= wanted && gain >= settings.min_gain_bytes;
}

}  // namespace optimilter
