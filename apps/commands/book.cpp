// gradus book: the site for reading, and the paths that it shows.
#include "apps/book/book.h"

#include <sys/stat.h>

#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/error.h"
#include "core/glob.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct BookFlags {
  std::string out = "book", sources, only = "*";
  bool json = false, quiet = false;
  void visit(auto&& f) {
    f("out", out, "the folder to write; index.html is where to begin");
    f("sources", sources,
      "folder of the sources that are shown; else those installed with the program, then those it was built "
      "from");
    f("only", only, "GLOB: only pages whose title matches");
    f("json", json, "print what was written as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

int write_book(const BookFlags& flags) {
  namespace fs = std::filesystem;
  if (fs::exists(flags.out) && !fs::is_directory(flags.out))
    fail<UsageError>("book: --out {} is no folder", flags.out);
  const Sources sources(flags.sources);
  const auto files = make_book(sources, flags.only, [&](const std::string& what) {
    if (!flags.quiet) note("book: " + what + "\n");
  });
  size_t bytes = 0, pages = 0;
  // Everything is made before the first file is touched; each replaces its predecessor whole.
  std::error_code failed;
  for (const auto& [path, text] : files) {
    const fs::path file = fs::path(flags.out) / path;
    fs::create_directories(file.parent_path(), failed);
    if (failed)
      fail<DataError>("book: cannot make the folder {}: {}", file.parent_path().string(), failed.message());
    write_file(file.string(), text);
    bytes += text.size();
    pages += path.ends_with(".html");
  }
  if (flags.json)
    print_json({{"folder", flags.out},
                {"pages", pages},
                {"files", files.size()},
                {"bytes", bytes},
                {"sources", sources.root()}});
  else
    print(fmt::format("{}/index.html: {} pages, {:.1f} MB\n", flags.out, pages,
                      static_cast<double>(bytes) / 1e6));
  return kOk;
}

struct RecordFlags {
  std::string only = "*", part = "all";
  bool quiet = false;
  void visit(auto&& f) {
    f("only", only, "GLOB: only optimizers whose name matches; the figures of the others stay");
    f("part", part,
      "paths on functions of two variables, curves of the loss over the step size on a network, or both",
      choices({"paths", "curves", "all"}));
    f("quiet", quiet, "no progress on stderr");
  }
};

// The recorded table with the matching entries computed anew, without those of optimizers that are gone; written after each tenth
// so that an end in the middle loses little.
template <class Table>
void record_table(const RecordFlags& flags, const std::string& what, const std::string& file,
                  const auto& read, const auto& compute, const auto& text) {
  Table table, old;
  if (std::filesystem::is_regular_file(file)) old = read(read_text_file(file), file);
  for (const OptimizerEntry& entry : optimizers())
    if (const auto found = old.find(entry.text.name); found != old.end()) table.insert(*found);
  int done = 0;
  for (const OptimizerEntry& entry : optimizers()) {
    if (!glob_match(flags.only, entry.text.name)) continue;
    if (!flags.quiet) note(fmt::format("book: {} of {}\n", what, entry.text.name));
    table[entry.text.name] = compute(entry.text.name);
    if (++done % 10 == 0) write_file(file, text(table));
  }
  if (done == 0) fail<UsageError>("book record: no optimizer's name matches '{}'", flags.only);
  write_file(file, text(table));
  print(fmt::format("{}: {} of {} optimizers, {} computed\n", file, what, table.size(), done));
}

int record_figures(const RecordFlags& flags) {
  if (!std::filesystem::is_directory("apps/book/recorded"))
    fail<UsageError>(
        "book record: run it in the top folder of the sources (there is no apps/book/recorded here)");
  if (flags.part != "curves")
    record_table<PathTable>(flags, "paths", kRecordedPaths, paths_from_text, paths_of, paths_text);
  if (flags.part != "paths")
    record_table<RateCurves>(flags, "curves", kRecordedCurves, rate_curves_from_text, rate_curve,
                             rate_curves_text);
  return kOk;
}

}  // namespace

void add_book(CLI::App& app, Action& action) {
  CLI::App* book =
      app.add_subcommand("book", "a site for reading: equations beside code, a page an algorithm");
  auto given = std::make_shared<OptionList>();
  add_flags<BookFlags>(*book, given);
  book->footer("The site needs no server and no network: open index.html of the folder.");
  auto recording = std::make_shared<OptionList>();
  CLI::App* record =
      book->add_subcommand("record", "computes the paths and curves of optimizers that the pages show");
  add_flags<RecordFlags>(*record, recording);
  record->callback([=, &action] {
    action = [=] {
      RecordFlags flags;
      assign(flags, *recording);
      return record_figures(flags);
    };
  });
  book->callback([=, &action] {
    if (!book->get_subcommands().empty()) return;
    action = [=] {
      BookFlags flags;
      assign(flags, *given);
      return write_book(flags);
    };
  });
}

}  // namespace gradus
