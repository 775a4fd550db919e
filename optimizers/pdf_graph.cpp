// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_graph.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace optimilter {

namespace {

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

class Walk {
  public:
    Walk(const PdfVisit& visit, Deadline deadline) : visit_(visit), deadline_(deadline) {}

    Status run(QPDFObjectHandle trailer) {
        visit_dictionary({}, trailer, QPDFObjectHandle::newNull());
        while (!waiting_.empty()) {
            if (deadline_.expired()) return Error{ErrorCode::kDeadline, "deadline"};
            const QPDFObjectHandle next = waiting_.back();
            waiting_.pop_back();
            visit_value({next.getObjGen(), ""}, next);
        }
        return Success{};
    }

    std::vector<QPDFObjectHandle> found() {
        std::sort(found_.begin(), found_.end(), [](const QPDFObjectHandle& a, const QPDFObjectHandle& b) {
            return a.getObjGen() < b.getObjGen();
        });
        return std::move(found_);
    }

  private:
    void visit_value(const PdfPlace& place, QPDFObjectHandle value) {
        if (value.isDictionary()) {
            visit_dictionary(place, value, QPDFObjectHandle::newNull());
        } else if (value.isStream()) {
            visit_dictionary(place, value.getDict(), value);
        } else if (value.isArray()) {
            const std::vector<QPDFObjectHandle> items = value.getArrayAsVector();
            for (std::size_t i = 0; i < items.size(); ++i) follow(place, std::to_string(i), items[i]);
        }
    }

    void visit_dictionary(const PdfPlace& place, QPDFObjectHandle dictionary, QPDFObjectHandle stream) {
        if (visit_.dictionary) visit_.dictionary(place, dictionary, stream);
        const bool replaced = stream.isStream() && visit_.replaced && visit_.replaced(stream.getObjGen());
        for (const auto& [key, value] : dictionary.getDictAsMap()) {
            if (place.object == QPDFObjGen() && place.path.empty() && is_pdf_trailer_frame(key)) continue;
            if (stream.isStream() && key == "/Length") continue;
            if (replaced && is_pdf_stream_frame(key)) continue;
            follow(place, key, value);
        }
    }

    void follow(const PdfPlace& from, const std::string& key, QPDFObjectHandle value) {
        if (!value.isIndirect()) return visit_value(from.at(key, value), value);
        if (visit_.reference) visit_.reference(from, key, value);
        if (!seen_.insert(value.getObjGen()).second) return;
        // A reference to nothing means null and is kept as a reference.
        if (value.isNull()) return;
        found_.push_back(value);
        waiting_.push_back(value);
    }

    const PdfVisit& visit_;
    Deadline deadline_;
    std::set<QPDFObjGen> seen_;
    std::vector<QPDFObjectHandle> waiting_;
    std::vector<QPDFObjectHandle> found_;
};

}  // namespace

PdfPlace PdfPlace::at(const std::string& key, const QPDFObjectHandle& value) const {
    if (value.isIndirect()) return {value.getObjGen(), ""};
    // Names may hold any byte but this one.
    return {object, path + '\0' + key};
}

bool is_pdf_trailer_frame(const std::string& key) {
    return is_one_of(key, {"/Size", "/Prev", "/XRefStm", "/Type", "/W", "/Index", "/Length", "/Filter",
                           "/DecodeParms", "/DL"});
}

bool is_pdf_stream_frame(const std::string& key) {
    return is_one_of(key, {"/Length", "/Filter", "/DecodeParms", "/DL"});
}

Result<std::vector<QPDFObjectHandle>> walk_pdf(const PdfDocument& document, const PdfVisit& visit,
                                               Deadline deadline) {
    Walk walk(visit, deadline);
    const Status walked = guarded_by_deadline(deadline, [&]() -> Status {
        if (Status status = walk.run(document.trailer()); !status) return status;
        return document.no_warning();
    });
    if (!walked) return walked.error();
    return walk.found();
}

}  // namespace optimilter
