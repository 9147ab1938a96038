// Folders of photographs: aspects kept, broken files passed over, decoded pixels kept.
#include "data/folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "apps/train/task.h"
#include "core/byte_source.h"
#include "core/error.h"
#include "core/image.h"
#include "data/registry.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

std::vector<int> pixels_of(const Dataset& data, int64 i) {
  std::vector<std::uint8_t> pixels(static_cast<size_t>(data.info().example.numel()));
  data.read_pixels(i, pixels.data());
  return {pixels.begin(), pixels.end()};
}

// Two classes of two grey 2 x 4 images each.
void write_photos(const TempDir& dir) {
  for (const char* name : {"train/a", "train/b", "test/a"}) std::filesystem::create_directories(dir / name);
  const Image wide{1, 2, 4, {10, 20, 30, 40, 10, 20, 30, 40}};
  for (const char* file : {"train/a/1.png", "train/a/2.png", "train/b/1.png", "test/a/1.png"})
    write_png(dir / file, wide);
}

}  // namespace

TEST_CASE("folder: images cropped or padded, and later images as the weights had them") {
  const TempDir dir;
  write_photos(dir);
  const std::string base = "folder:path=" + dir.path() + ",channels=1,size=";
  const Data crop = open_data(base + "2,fit=crop");
  CHECK(pixels_of(*crop.train, 0) == std::vector<int>{20, 30, 20, 30});
  CHECK(pixels_of(*open_data(base + "4,fit=pad").train, 0) ==
        std::vector<int>{0, 0, 0, 0, 10, 20, 30, 40, 10, 20, 30, 40, 0, 0, 0, 0});
  CHECK(crop.info().fit == "crop");
  const DatasetInfo kept = info_from_json(info_json(crop.info()), "weights");
  CHECK(kept.fit == "crop");
  CHECK(pixels_of(*open_data("folder:path=" + dir.path(), {.fitted = &kept}).test, 0) ==
        std::vector<int>{20, 30, 20, 30});
  CHECK(open_data(base + "2").info().fit == "stretch");
  CHECK_FALSE(info_json(open_data(base + "2").info()).contains("fit"));
}

TEST_CASE("folder: broken files end the reading, or are named and passed over") {
  const TempDir dir;
  write_photos(dir);
  dir.write("train/a/0.png", "no image");
  dir.write("test/a/2.jpg", "");
  const std::string spec = "folder:path=" + dir.path() + ",channels=1,size=4";
  CHECK_THROWS_WITH_AS(open_data(spec), doctest::Contains("0.png"), DataError);
  const Data data = open_data(spec + ",skip_bad=true");
  CHECK(data.train->size() == 3);
  CHECK(data.test->size() == 1);
  CHECK(data.train->label(2) == 1);
  REQUIRE(data.info().notes.size() == 2);
  CHECK(data.info().notes[0].find("train/a/0.png") != std::string::npos);
  CHECK(data.info().notes[1].find("test/a/2.jpg") != std::string::npos);
  dir.write("test/a/1.png", "no image");
  CHECK_THROWS_WITH_AS(open_data(spec + ",skip_bad=true"), doctest::Contains("none of 2 files"), DataError);
}

TEST_CASE("folder: decoded pixels are kept and used again, unless a file has changed") {
  const TempDir dir;
  write_photos(dir);
  dir.write("train/b/2.png", "no image");
  const std::string cache = dir / "cache", spec = "folder:path=" + dir.path() +
                                                  ",channels=1,size=2,fit=crop,skip_bad=true,cache=" + cache;
  const auto kept = [&] {
    std::vector<std::string> files;
    for (const auto& e : std::filesystem::directory_iterator(cache)) files.push_back(e.path().string());
    std::sort(files.begin(), files.end());
    return files;
  };
  CHECK(open_data(spec).train->size() == 3);
  const std::vector<std::string> first = kept();
  REQUIRE(first.size() == 2);  // training and test images
  // What is read comes from there: a changed pixel with its sum would show; one without it is decoded anew.
  for (const std::string& file : first) {
    std::string bytes = read_text_file(file);
    REQUIRE(bytes.size() > 48);
    bytes[48] = 99;
    dir.write("cache/" + std::filesystem::path(file).filename().string(), bytes);
  }
  const Data again = open_data(spec);
  CHECK(pixels_of(*again.train, 0) == std::vector<int>{20, 30, 20, 30});
  CHECK(again.info().notes.size() == 1);
  CHECK(kept() == first);
  CHECK(read_text_file(first[0])[48] != 99);  // and written again
  write_png(dir / "train/a/1.png", {1,
                                    2,
                                    4,
                                    {
                                        1,
                                        2,
                                        3,
                                        4,
                                        1,
                                        2,
                                        3,
                                        4,
                                    }});
  std::filesystem::last_write_time(dir / "train/a/1.png",
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  CHECK(pixels_of(*open_data(spec).train, 0) == std::vector<int>{2, 3, 2, 3});
  CHECK(kept().size() == 3);
}
