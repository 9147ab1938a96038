#include "apps/labs/lab.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json_file.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBegin = "// BEGIN SOLUTION";
constexpr const char* kEnd = "// END SOLUTION";
constexpr const char* kBlank = "throw lab::NotWritten(\"";

std::string read_lab_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof()))
    fail<DataError>("{}: cannot be read", path.string());
  return text.str();
}

std::string trimmed(const std::string& line) {
  const size_t begin = line.find_first_not_of(" \t"), end = line.find_last_not_of(" \t\r");
  return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
}

// The files below a folder, by their relative paths.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), folder).generic_string());
  std::sort(names.begin(), names.end());
  return names;
}

// The parts of the blanks of a text, cut already.
std::vector<std::string> blanks(const std::string& cut) {
  std::vector<std::string> parts;
  for (size_t at = cut.find(kBlank); at != std::string::npos; at = cut.find(kBlank, at + 1)) {
    const size_t begin = at + std::string(kBlank).size();
    parts.push_back(cut.substr(begin, cut.find('"', begin) - begin));
  }
  return parts;
}

Lab read_lab(const fs::path& folder) {
  Lab lab{.name = folder.filename().string(), .folder = folder.string()};
  lab.number = std::atoi(lab.name.c_str());
  const std::string file = (folder / "lab.json").string();
  const nlohmann::json json = read_json(file);
  try {
    lab.title = json.at("title").get<std::string>();
    lab.hours = json.at("hours").get<std::string>();
    lab.files = json.at("files").get<std::vector<std::string>>();
    lab.records = json.value("records", std::vector<std::string>());
  } catch (const nlohmann::json::exception& e) {
    fail<DataError>("{}: {}", file, e.what());
  }
  lab.solved = true;
  std::set<std::string> seen;
  for (const std::string& name : lab.files) {
    const std::string text = read_lab_file(folder / name);
    if (text.find(kBlank) != std::string::npos) lab.solved = false;
    for (const std::string& part : blanks(cut_solutions(text, name)))
      if (seen.insert(part).second) lab.parts.push_back(part);
  }
  return lab;
}

}  // namespace

std::string labs_folder() {
  if (const char* given = std::getenv("GRADUS_LABS"); given && *given) return given;
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  const fs::path folder = program.parent_path().parent_path() / "share/gradus/labs";
  if (none || !fs::is_directory(folder, none))
    fail<DataError>("the labs are not installed: {} is not there ($GRADUS_LABS names another folder)",
                    folder.string());
  return folder.string();
}

std::vector<Lab> read_labs(const std::string& folder) {
  std::vector<Lab> labs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.is_directory() && fs::exists(entry.path() / "lab.json")) labs.push_back(read_lab(entry.path()));
  if (error) fail<DataError>("{}: {}", folder, error.message());
  std::sort(labs.begin(), labs.end(), [](const Lab& a, const Lab& b) { return a.number < b.number; });
  return labs;
}

Lab find_lab(const std::string& folder, int number) {
  std::vector<std::string> numbers;
  for (Lab& lab : read_labs(folder)) {
    if (lab.number == number) return lab;
    numbers.push_back(std::to_string(lab.number));
  }
  fail<UsageError>("there is no lab {}; there are {}", number, fmt::join(numbers, ", "));
}

std::string cut_solutions(const std::string& text, const std::string& file) {
  std::string out, line;
  std::istringstream lines(text);
  bool inside = false;
  for (int number = 1, begun = 0; std::getline(lines, line) || inside; ++number) {
    if (!lines) fail<DataError>("{}:{}: the solution that begins here does not end", file, begun);
    const std::string words = trimmed(line);
    if (words.starts_with(kBegin)) {
      const std::string part = trimmed(words.substr(std::string(kBegin).size()));
      if (inside || part.empty())
        fail<DataError>("{}:{}: {}", file, number,
                        inside ? "a solution begins within another" : "'BEGIN SOLUTION' names no part");
      inside = true, begun = number;
      out += line.substr(0, line.find("//")) + kBlank + part + "\");  // your code here\n";
    } else if (words == kEnd) {
      if (!inside) fail<DataError>("{}:{}: a solution ends that did not begin", file, number);
      inside = false;
    } else if (!inside) {
      out += line + "\n";
    }
  }
  return out;
}

std::map<std::string, std::string> given_files(const Lab& lab) {
  std::map<std::string, std::string> files;
  const fs::path common = fs::path(lab.folder).parent_path() / "common";
  for (const std::string& name : files_below(common)) files[name] = read_lab_file(common / name);
  const std::string commands = files["commands.md"];
  files.erase("commands.md");
  for (const std::string& name : files_below(lab.folder))  // (a lab's own file wins)
    if (std::find(lab.files.begin(), lab.files.end(), name) == lab.files.end())
      files[name] = read_lab_file(fs::path(lab.folder) / name);
  nlohmann::ordered_json about = nlohmann::ordered_json::parse(files["lab.json"]);
  about["lab"] = lab.number;
  files["lab.json"] = about.dump(2) + "\n";
  files["README.md"] += commands;
  for (const std::string& name : lab.records)
    files["records/" + name] = read_lab_file(common.parent_path().parent_path() / "records" / name);
  return files;
}

std::map<std::string, std::string> student_files(const Lab& lab, bool solved) {
  if (solved && !lab.solved)
    fail<UsageError>("the solution of lab {} is not part of this installation", lab.number);
  std::map<std::string, std::string> files;
  for (const std::string& name : lab.files) {
    const std::string text = read_lab_file(fs::path(lab.folder) / name);
    files[name] = solved ? text : cut_solutions(text, name);
  }
  return files;
}

void write_project(const Lab& lab, const std::string& to, bool solved) {
  std::error_code none;
  if (fs::exists(to, none) && (!fs::is_directory(to, none) || !fs::is_empty(to, none)))
    fail<UsageError>("{} is there already, and is not an empty folder; nothing was written", to);
  std::map<std::string, std::string> files = student_files(lab, solved);
  files.merge(given_files(lab));
  for (const auto& [name, text] : files) {
    const fs::path path = fs::path(to) / name;
    fs::create_directories(path.parent_path(), none);
    if (none) fail<DataError>("{}: {}", path.parent_path().string(), none.message());
    write_file(path.string(), text);
  }
}

void write_labs_without_solutions(const std::string& from, const std::string& to) {
  std::error_code none;
  const std::vector<Lab> labs = read_labs(from);
  for (const std::string& name : files_below(from)) {
    std::string text = read_lab_file(fs::path(from) / name);
    for (const Lab& lab : labs)
      for (const std::string& file : lab.files)
        if (name == lab.name + "/" + file) text = cut_solutions(text, name);
    const fs::path path = fs::path(to) / name;
    fs::create_directories(path.parent_path(), none);
    if (none) fail<DataError>("{}: {}", path.parent_path().string(), none.message());
    write_file(path.string(), text);
  }
}

}  // namespace gradus
