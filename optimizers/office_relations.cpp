// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "optimizers/office_readers.hpp"
#include "optimizers/xml_reader.hpp"

namespace optimilter {

namespace {

class RelationsReader : public XmlVisitor {
  public:
    RelationsReader(std::string_view source, const PartNames& names, PictureRelations& relations)
        : folder_(folder_of(source)), names_(names), relations_(relations) {}

    bool start(const XmlName& name, const XmlAttributes& attributes) override {
        if (name.local != "Relationship" || iequals(attributes.find("TargetMode"), "External")) return true;
        const auto target = names_.find(part_name(folder_, attributes.find("Target")));
        if (!target) return true;
        // The last word of the type is the same in both dialects of OOXML.
        const bool image = attributes.find("Type").ends_with("/relationships/image");
        if (!image) {
            relations_.others.push_back(*target);
            return true;
        }
        const auto [place, is_new] =
            relations_.images.try_emplace(std::string(attributes.find("Id")), *target);
        // One id for two parts: nobody knows which is meant.
        if (!is_new) relations_.others.insert(relations_.others.end(), {place->second, *target});
        return true;
    }
    void end() override {}

  private:
    std::string_view folder_;
    const PartNames& names_;
    PictureRelations& relations_;
};

}  // namespace

std::string relations_source(std::string_view rels_name) {
    constexpr std::string_view kFolder = "_rels/";
    constexpr std::string_view kEnding = ".rels";
    const std::string_view folder = folder_of(rels_name);
    if (!folder.ends_with(kFolder) || !rels_name.ends_with(kEnding)) return {};
    std::string source(folder.substr(0, folder.size() - kFolder.size()));
    const std::string_view base = base_name(rels_name);
    return base == kEnding ? std::string()
                           : source + std::string(base.substr(0, base.size() - kEnding.size()));
}

Status read_picture_relations(ByteView rels, std::string_view source, const PartNames& names,
                              PictureRelations& relations, Deadline deadline) {
    RelationsReader reader(source, names, relations);
    return read_xml(rels, reader, deadline);
}

}  // namespace optimilter
