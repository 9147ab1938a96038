// READMEs as pages: the part of Markdown that they use (headings, paragraphs, lists, tables, code, links, emphasis).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "apps/report/page.h"

namespace gradus {

/// Where a link or a name of a file in code leads to: "" for nowhere. Given as it stands in the text.
using LinkTarget = std::function<std::string(const std::string&)>;

/// `text` as markup; its first heading is left out (the page has it). Headings get anchors; code spans and links that
/// `target` knows become links, other relative links text.
Html markdown(std::string_view text, const LinkTarget& target);
/// A line of running text with code spans, links and emphasis.
Html markdown_inline(std::string_view text, const LinkTarget& target);

}  // namespace gradus
