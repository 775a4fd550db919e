// SPDX-License-Identifier: Apache-2.0
//
// The edits of a message, sent to the MTA: everything was decided and checked before the first of them.
// Header first, then one uninterrupted run of replacebody, nothing in between: Postfix closes the body at
// anything else and delivers half of it.
#pragma once

#include <libmilter/mfapi.h>

#include "milter/trip.hpp"

namespace optimilter {

// Sends the trace header and the new body of result. body_bytes: size of the body that came in; a new one
// that is not smaller is a broken invariant and is not sent. trace_space: what stands between the colon and
// the value of the trace header (one space when SMFIP_HDR_LEADSPC was agreed, else the MTA writes it); not
// set: no trace header. false when the MTA did not take all of it: the connection is dead then.
bool apply_edits(SMFICTX* ctx, const TripResult& result, std::size_t body_bytes,
                 std::optional<std::string_view> trace_space);

}  // namespace optimilter
