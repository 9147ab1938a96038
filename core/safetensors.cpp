#include "core/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/atomic_file.h"
#include "core/element_type.h"
#include "core/error.h"

namespace gradus {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;  // the limit of the reference implementation
constexpr const char* kMetadata = "__metadata__";

struct Entry {
  std::string name;
  ElementType type;
  Shape shape;
  std::uint64_t begin, end;
};

// A complaint about the header as a whole or one tensor in it.
template <class... Args>
[[noreturn]] void refuse(const ByteSource& source, fmt::format_string<Args...> f, Args&&... args) {
  fail<DataError>("{}: in the safetensors header (from offset 8): {}", source.name(),
                  fmt::format(f, std::forward<Args>(args)...));
}

json parse_header(ByteSource& source) {
  const std::uint64_t length = source.read_u64_le("the length of the safetensors header");
  constexpr std::uint32_t kZip = 0x04034b50,
                          kPickle = 0x0a8a0280;  // what torch.save writes, now and before 1.6
  if (const auto magic = static_cast<std::uint32_t>(length); magic == kZip || magic == kPickle)
    fail<DataError>(
        "{}: not a safetensors file but {}; in Python, safetensors.torch.save_file(model.state_dict(), "
        "'NAME.safetensors') writes one that can be read",
        source.name(), magic == kZip ? "a zip archive (a PyTorch .pt file, or .npz)" : "a PyTorch .pt file");
  if (length > kMaxSafetensorsHeader || length > source.remaining_bound())
    fail<DataError>(
        "{}: at offset 0: expected the length of a safetensors header (at most {} bytes here), found {}",
        source.name(), std::min(kMaxSafetensorsHeader, source.remaining_bound()), length);
  const ByteBuffer text = source.read(length, "the safetensors header");
  std::set<std::string> names;
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth == 1 && event == json::parse_event_t::key && !names.insert(value.get<std::string>()).second)
      twice = value;
    return true;
  };
  try {
    json header = json::parse(text.data(), text.data() + text.size(), watch);
    if (!header.is_object()) refuse(source, "expected a JSON object");
    if (!twice.empty()) refuse(source, "tensor '{}' appears twice", twice);
    return header;
  } catch (const json::exception& e) {
    refuse(source, "not valid JSON: {}", e.what());
  }
}

ElementType parse_type(const ByteSource& source, const std::string& name, const std::string& text) {
  for (int t = 0; t <= static_cast<int>(ElementType::kI64); ++t)
    if (text == element_name(static_cast<ElementType>(t))) return static_cast<ElementType>(t);
  refuse(source,
         "tensor '{}': element type '{}' is not one that can be read here (F16 BF16 F32 F64 BOOL U8 I8 U16 "
         "I16 U32 I32 I64)",
         name, text);
}

// A list of non-negative integers below 2^62.
std::vector<int64> parse_list(const ByteSource& source, const std::string& name, const json& entry,
                              const char* key) {
  const auto it = entry.find(key);
  std::vector<int64> list;
  const auto wrong = [&] {
    refuse(source, "tensor '{}': expected '{}' to be a list of non-negative integers", name, key);
  };
  if (it == entry.end() || !it->is_array()) wrong();
  for (const json& v : *it) {
    if (!v.is_number_unsigned() || v.get<std::uint64_t>() >> 62) wrong();
    list.push_back(v.get<int64>());
  }
  return list;
}

Entry parse_entry(const ByteSource& source, const std::string& name, const json& value) {
  if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string())
    refuse(source, "tensor '{}': expected an object with dtype, shape and data_offsets", name);
  Entry e;
  e.name = name;
  e.type = parse_type(source, name, value["dtype"].get<std::string>());
  const std::vector<int64> dims = parse_list(source, name, value, "shape"),
                           place = parse_list(source, name, value, "data_offsets");
  try {
    e.shape = Shape(dims);
  } catch (const ShapeError& error) {
    refuse(source, "tensor '{}': {}", name, error.what());
  }
  if (place.size() != 2 || place[0] > place[1])
    refuse(source, "tensor '{}': expected data_offsets [begin, end]", name);
  e.begin = static_cast<std::uint64_t>(place[0]);
  e.end = static_cast<std::uint64_t>(place[1]);
  const auto numel = static_cast<std::uint64_t>(e.shape.numel()), size = element_size(e.type);
  if (numel > (e.end - e.begin) / size || numel * size != e.end - e.begin)
    refuse(source, "tensor '{}': {} {} needs {} elements of {} bytes, but data_offsets span {} bytes", name,
           element_name(e.type), e.shape.str(), numel, size, e.end - e.begin);
  return e;
}

std::vector<Entry> parse_entries(const ByteSource& source, const json& header, TensorFile& file) {
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadata) {
      entries.push_back(parse_entry(source, name, value));
      continue;
    }
    if (!value.is_object()) refuse(source, "expected {} to be an object of texts", kMetadata);
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse(source, "expected {} '{}' to be a text", kMetadata, key);
      file.metadata[key] = text.get<std::string>();
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& e : entries) {
    if (e.begin != at)
      refuse(source, "tensor '{}' begins at {} of the data, but the one before it ends at {}", e.name,
             e.begin, at);
    at = e.end;
  }
  if (at > source.remaining_bound())
    source.complain(fmt::format("the header announces {} bytes of tensors, but at most {} are left", at,
                                source.remaining_bound()));
  return entries;
}

void read_elements(ByteSource& source, const Entry& e, real* out) {
  const std::string what = "tensor '" + e.name + "'";
  if ((e.type == ElementType::kF32 && sizeof(real) == 4) ||
      (e.type == ElementType::kF64 && sizeof(real) == 8)) {
    source.read(out, static_cast<std::size_t>(e.end - e.begin), what.c_str());
  } else {
    const ByteBuffer bytes = source.read(e.end - e.begin, what.c_str());
    convert_elements(e.type, bytes.data(), e.shape.numel(), out);
  }
}

void read_elements(ByteSource& source, const Entry& e, int64* out) {
  const ByteBuffer bytes = source.read(e.end - e.begin, ("tensor '" + e.name + "'").c_str());
  convert_elements(e.type, bytes.data(), e.shape.numel(), out);
}

template <class List>
auto* find_in(List& list, const std::string& name) {
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const auto& pair) { return pair.first == name; });
  return it == list.end() ? nullptr : &it->second;
}

template <class List>
auto& get_from(List& list, const std::string& name, const std::string& file) {
  if (const auto* found = find_in(list, name)) return *found;
  std::vector<std::string> names;
  for (const auto& pair : list) names.push_back(pair.first);
  const std::string near = nearest(name, names);
  fail<DataError>("{}: expected a tensor '{}', but there is none{}", file, name,
                  near.empty() ? "" : fmt::format(" (there is '{}')", near));
}

}  // namespace

const Tensor* TensorFile::find(const std::string& name) const { return find_in(tensors, name); }
const IntTensor* TensorFile::find_integers(const std::string& name) const { return find_in(integers, name); }
const Tensor& TensorFile::get(const std::string& name, const std::string& file) const {
  return get_from(tensors, name, file);
}
const IntTensor& TensorFile::get_integers(const std::string& name, const std::string& file) const {
  return get_from(integers, name, file);
}

TensorFile read_safetensors(ByteSource& source) {
  TensorFile file;
  const json header = parse_header(source);
  for (const Entry& e : parse_entries(source, header, file)) {
    if (is_real(e.type)) {
      Tensor t(e.shape);
      read_elements(source, e, t.mutable_data());
      file.tensors.emplace_back(e.name, std::move(t));
    } else {
      IntTensor t(e.shape);
      read_elements(source, e, t.mutable_data());
      file.integers.emplace_back(e.name, std::move(t));
    }
  }
  source.expect_end("the last tensor");
  return file;
}

TensorFile read_safetensors(const std::string& path) { return read_safetensors(*open_file(path)); }

void write_safetensors(const std::string& path, const TensorFile& file) {
  // The header is put together by hand so that the names stay in the order given.
  std::string header = "{";
  std::set<std::string> names;
  std::uint64_t at = 0;
  const auto announce = [&](const std::string& name, const Shape& shape, ElementType type) {
    if (name == kMetadata || !names.insert(name).second)
      fail<UsageError>("{}: two tensors are called '{}'", path, name);
    const std::uint64_t end = at + static_cast<std::uint64_t>(shape.numel()) * element_size(type);
    if (header.size() > 1) header += ',';
    header +=
        fmt::format(R"({}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", json(name).dump(),
                    element_name(type), json(std::vector<int64>(shape.begin(), shape.end())).dump(), at, end);
    at = end;
  };
  if (!file.metadata.empty()) header += fmt::format(R"("{}":{})", kMetadata, json(file.metadata).dump());
  for (const auto& [name, t] : file.tensors)
    announce(name, t.shape(), sizeof(real) == 4 ? ElementType::kF32 : ElementType::kF64);
  for (const auto& [name, t] : file.integers) announce(name, t.shape(), ElementType::kI64);
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the elements begin aligned

  AtomicFile out(path);
  const std::uint64_t length = header.size();
  out.write(&length, sizeof length);
  out.write(header);
  for (const auto& [name, t] : file.tensors)
    out.write(t.data(), static_cast<std::size_t>(t.numel()) * sizeof(real));
  for (const auto& [name, t] : file.integers)
    out.write(t.data(), static_cast<std::size_t>(t.numel()) * sizeof(int64));
  out.commit();
}

}  // namespace gradus
