#include "apps/predict/inputs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/image.h"
#include "core/image_fit.h"
#include "core/npy.h"
#include "data/csv_columns.h"
#include "data/text.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool is_array(std::string_view bytes) { return bytes.starts_with("\x93NUMPY"); }
bool is_picture(std::string_view bytes) {
  return bytes.starts_with("\x89PNG") || bytes.starts_with("\xff\xd8\xff");
}

std::string read_standard_input() {
  std::string all(1 << 16, '\0');
  size_t have = 0;
  for (size_t n; (n = std::fread(all.data() + have, 1, all.size() - have, stdin)) > 0;) {
    have += n;
    if (have == all.size()) all.resize(2 * all.size());
  }
  all.resize(have);
  return all;
}

bool taken(const fs::path& path, DataKind kind) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (end == ".gz") return kind == DataKind::kVectors && path.stem().extension() == ".csv";
  switch (kind) {
    case DataKind::kImages:
      return is_image_name(path.string()) || end == ".npy";
    case DataKind::kVectors:
      return end == ".csv" || end == ".npy";
    case DataKind::kText:
      return end == ".txt";
  }
  return false;
}

const char* what_is_taken(DataKind kind) {
  return kind == DataKind::kImages    ? "PNG, JPEG or .npy"
         : kind == DataKind::kVectors ? ".csv or .npy"
                                      : ".txt";
}

void add_folder(const std::string& folder, DataKind kind, std::vector<InputFile>& files,
                std::vector<std::string>& errors) {
  std::vector<std::string> found;
  std::error_code error;
  const auto how =
      fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(folder, how, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    const bool hidden = it->path().filename().string().starts_with('.');
    if (it->is_directory(ignored)) {
      constexpr int kDeepest = 32;  // links may lead back up
      if (hidden || it.depth() >= kDeepest) it.disable_recursion_pending();
    } else if (!hidden && taken(it->path(), kind)) {
      found.push_back(it->path().string());
    }
  }
  if (error) return errors.push_back(fmt::format("{}: cannot list: {}", folder, error.message()));
  if (found.empty())
    return errors.push_back(fmt::format("{}: expected {} files, found none", folder, what_is_taken(kind)));
  std::sort(found.begin(), found.end());
  for (std::string& path : found) files.push_back({std::move(path), ""});
}

void add_word(const std::string& word, DataKind kind, std::vector<InputFile>& files,
              std::vector<std::string>& errors) {
  std::error_code error;
  if (fs::is_directory(word, error)) return add_folder(word, kind, files, errors);
  files.push_back({word, ""});
}

// Numbers (N, example...) of an array whose rows are examples, or that is one.
Tensor array_numbers(const NpyArray& array, const InputFile& file, const DatasetInfo& info) {
  const Shape& have = array.shape;
  const auto fits = [&](std::ptrdiff_t from) {
    return static_cast<size_t>(have.rank()) ==
               static_cast<size_t>(info.example.rank()) + static_cast<size_t>(from) &&
           std::equal(have.begin() + from, have.end(), info.example.begin(), info.example.end());
  };
  if (!(have.rank() > 0 && fits(1)) && !fits(0))
    fail<DataError>("{}: expected examples of shape {} along the first axis, found shape {}", file.name(),
                    info.example.str(), have.str());
  const Tensor all = array.reals();
  const int64 one = info.example.numel(), n = all.numel() / std::max<int64>(one, 1);
  std::vector<int64> dims{n};
  dims.insert(dims.end(), info.example.begin(), info.example.end());
  Tensor x((Shape(dims)));
  for (int64 i = 0; i < all.numel(); ++i) {
    const auto k = static_cast<size_t>(i % one);
    const double value = static_cast<double>(all.data()[i]);
    if (!std::isfinite(value))
      fail<DataError>("{}: example {} holds a number that is not finite", file.name(), i / one);
    x.mutable_data()[i] = static_cast<real>(
        info.mean.size() == static_cast<size_t>(one) ? (value - info.mean[k]) / info.std[k] : value);
  }
  return x;
}

Tensor normalised(const std::vector<Image>& images, const InputOptions& o) {
  const Shape& chw = o.info.example;
  Tensor x({static_cast<int64>(images.size()), chw[0], chw[1], chw[2]});
  const PixelScale scale(o.info);
  for (size_t i = 0; i < images.size(); ++i) {
    Image image = fit_image(to_channels(images[i], chw[0]), chw[1], chw[2], o.info.fit);
    if (o.invert)
      for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(255 - pixel);
    scale.apply(image.pixels.data(), chw, x.mutable_data() + static_cast<int64>(i) * chw.numel());
  }
  return x;
}

InputRows image_rows(const InputFile& file, const InputOptions& o) {
  const bool piped = !file.bytes.empty() || file.path == "-";
  const int channels = static_cast<int>(o.info.example[0]);
  if (!(piped ? is_array(file.bytes) : file.path.ends_with(".npy")))
    return {normalised({piped ? decode_image(as_bytes(file.bytes), file.name(), channels)
                              : read_image(file.path, channels)},
                       o),
            {},
            false};
  const NpyArray array =
      piped ? read_npy(*memory_source(as_bytes(file.bytes), file.name())) : read_npy(file.path);
  const Shape& s = array.shape;
  const bool planes = s.rank() == 4 && (s[1] == 1 || s[1] == 3);
  if (array.type != ElementType::kU8 || s.numel() == 0 || (s.rank() != 2 && s.rank() != 3 && !planes))
    fail<DataError>("{}: expected 8-bit images (N,H,W) or (N,C,H,W), found {} of shape {}", file.name(),
                    element_name(array.type), s.str());
  const int64 n = s.rank() == 2 ? 1 : s[0], c = planes ? s[1] : 1, h = s[s.rank() - 2], w = s[s.rank() - 1];
  std::vector<Image> images;
  for (int64 i = 0; i < n; ++i) {
    const std::uint8_t* from = array.bytes.data() + i * c * h * w;
    images.push_back({c, h, w, std::vector<std::uint8_t>(from, from + c * h * w)});
  }
  return {normalised(images, o), {}, s.rank() > 2};
}

InputRows number_rows(const InputFile& file, const InputOptions& o) {
  const bool piped = file.path == "-";
  if (piped ? is_array(file.bytes) : file.path.ends_with(".npy")) {
    const NpyArray array =
        piped ? read_npy(*memory_source(as_bytes(file.bytes), file.name())) : read_npy(file.path);
    const bool many = array.shape.rank() != o.info.example.rank();
    return {array_numbers(array, file, o.info), {}, many};
  }
  if (o.info.example.rank() != 1)
    fail<DataError>("{}: examples of shape {} come from .npy files", file.name(), o.info.example.str());
  InputRows rows{{}, {}, true};
  rows.x = read_csv_examples(piped ? file.bytes : read_text_file(file.path), file.name(), o.table, o.info,
                             rows.notes);
  return rows;
}

InputRows text_rows(const InputFile& file, const InputOptions& o) {
  const std::string text = file.path == "-" ? file.bytes : read_text_file(file.path);
  if (text.empty()) fail<DataError>("{}: expected a text to go on from, found nothing", file.name());
  std::vector<int64> tokens;
  try {
    tokens = Vocabulary(o.info.vocabulary).encode(text);
  } catch (const UsageError& e) {
    fail<DataError>("{}: {}", file.name(), e.what());
  }
  const auto window = static_cast<size_t>(o.info.example[0]);
  if (tokens.size() > window)
    tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(window));
  return {{}, IntTensor::from({1, static_cast<int64>(tokens.size())}, tokens), false};
}

}  // namespace

std::vector<InputFile> input_files(const std::vector<std::string>& words, DataKind kind,
                                   std::vector<std::string>& errors) {
  std::vector<InputFile> files;
  if (std::count(words.begin(), words.end(), "-") > 1)
    fail<UsageError>("'-' is standard input, which can be read once");
  for (const std::string& word : words) {
    if (word != "-") {
      add_word(word, kind, files, errors);
      continue;
    }
    std::string bytes = read_standard_input();
    if (kind != DataKind::kImages || is_picture(bytes) || is_array(bytes)) {
      if (bytes.empty())
        errors.push_back("standard input: expected something to predict, found nothing");
      else
        files.push_back({"-", std::move(bytes)});
      continue;
    }
    std::istringstream lines(bytes);
    bool any = false;
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      any = true;
      add_word(line, kind, files, errors);
    }
    if (!any)
      errors.push_back("standard input: expected an image, an array or paths, one a line, found nothing");
  }
  return files;
}

InputRows read_inputs(const InputFile& file, const InputOptions& options) {
  switch (options.info.kind) {
    case DataKind::kImages:
      return image_rows(file, options);
    case DataKind::kVectors:
      return number_rows(file, options);
    case DataKind::kText:
      return text_rows(file, options);
  }
  fail<UsageError>("predict: unknown kind of data");
}

}  // namespace gradus
