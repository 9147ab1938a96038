// gradus book: the site for reading, and the paths that it shows.
#include "apps/book/book.h"

#include <sys/stat.h>

#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "core/atomic_file.h"
#include "core/error.h"

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
  std::string out = kRecordedPaths;
  bool quiet = false;
  void visit(auto&& f) {
    f("out", out, "the file to write");
    f("quiet", quiet, "no progress on stderr");
  }
};

int record_paths(const RecordFlags& flags) {
  const PathTable paths = compute_paths([&](const std::string& name) {
    if (!flags.quiet) note("book: paths of " + name + "\n");
  });
  const std::string text = paths_text(paths);
  write_file(flags.out, text);
  print(fmt::format("{}: paths of {} optimizers, {} bytes\n", flags.out, paths.size(), text.size()));
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
      book->add_subcommand("record", "computes the paths on functions of two variables that the pages show");
  add_flags<RecordFlags>(*record, recording);
  record->callback([=, &action] {
    action = [=] {
      RecordFlags flags;
      assign(flags, *recording);
      return record_paths(flags);
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
