#include "data/fetch.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/error.h"
#include "core/gzip.h"
#include "core/md5.h"
#include "tests/temp_dir.h"

using namespace gradus;
namespace fs = std::filesystem;

namespace {

std::string md5(std::string_view text) {
  Md5 sum;
  sum.update(text.data(), text.size());
  return sum.hex();
}

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// A ustar archive of these files.
std::string tar(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  for (const auto& [name, contents] : files) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    header.replace(124, 11, fmt::format("{:011o}", contents.size()));
    header.replace(148, 8, 8, ' ');
    header[156] = '0';
    int sum = 0;
    for (unsigned char c : header) sum += c;
    header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
    archive += header + contents + std::string((512 - contents.size() % 512) % 512, '\0');
  }
  return archive + std::string(1024, '\0');
}

struct Mirror {
  TempDir dir;
  TempDir home;
  FetchRecipe recipe{"toy", "file:///nonexistent", {}};

  Mirror() {
    const auto archive = gzip(
        bytes_of(tar({{"top/a.bin", std::string(700, 'a')}, {"top/sub/b.bin", "b"}, {"top/readme", "x"}})));
    const std::string_view packed(reinterpret_cast<const char*>(archive.data()), archive.size());
    add("plain.txt", "to be or not to be", md5("to be or not to be"), FetchFile::Packing::kPlain);
    const auto zip = gzip(bytes_of("contents"));
    add("data.gz", {reinterpret_cast<const char*>(zip.data()), zip.size()}, md5("contents"),
        FetchFile::Packing::kGzip);
    add("all.tar.gz", packed, md5(packed), FetchFile::Packing::kTarGz, {"a.bin", "b.bin"});
  }
  void add(const std::string& name, std::string_view contents, const std::string& sum,
           FetchFile::Packing packing, std::vector<std::string> keep = {}) {
    dir.write("toy/" + name, contents);
    recipe.files.push_back({name, sum, packing, std::move(keep)});
  }
  std::string root() const { return home / "sets"; }
  std::string url() const { return "file://" + dir.path(); }
  std::string run() const { return fetch(recipe, {.root = root(), .mirror = url()}); }
};

// A server on the loopback that answers each GET with `body`, from the offset a Range header names; the first
// answer breaks off after `first` bytes.
class Server {
 public:
  Server(std::string body, std::size_t first) : body_(std::move(body)), first_(first) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::size_t resumed_at = 0;

 private:
  void serve() {
    for (int connection; (connection = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(connection)) {
      std::string request;
      char buffer[1024];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::read(connection, buffer, sizeof buffer);
        if (got <= 0) break;
        request.append(buffer, static_cast<std::size_t>(got));
      }
      std::size_t from = 0;
      if (const std::size_t range = request.find("Range: bytes="); range != std::string::npos)
        from = std::stoul(request.substr(range + 13));
      std::string answer =
          from ? fmt::format("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{}/{}\r\n", from,
                             body_.size() - 1, body_.size())
               : std::string("HTTP/1.1 200 OK\r\n");
      answer += fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n", body_.size() - from);
      answer += body_.substr(from, first_);
      first_ = std::string::npos;
      resumed_at = from;
      for (std::size_t sent = 0; sent < answer.size();) {
        const ssize_t n = ::send(connection, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
    }
  }
  std::string body_;
  std::size_t first_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

bool have_curl() { return std::system("command -v curl >/dev/null 2>&1") == 0; }

}  // namespace

TEST_CASE("fetch: plain, packed and archived files from a local mirror") {
  if (!have_curl()) return;
  const Mirror mirror;
  std::vector<std::string> log;
  const std::string folder =
      fetch(mirror.recipe, {.root = mirror.root(),
                            .mirror = mirror.url() + "/",
                            .log = [&](const std::string& line) { log.push_back(line); }});
  CHECK(folder == mirror.home / "sets/toy");
  CHECK(mirror.home.read("sets/toy/plain.txt") == "to be or not to be");
  CHECK(mirror.home.read("sets/toy/data") == "contents");
  CHECK(mirror.home.read("sets/toy/a.bin") == std::string(700, 'a'));
  CHECK(mirror.home.read("sets/toy/b.bin") == "b");
  CHECK_FALSE(fs::exists(mirror.home / "sets/toy/readme"));
  CHECK_FALSE(fs::exists(mirror.home / "sets/toy.fetching"));
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 4);
  CHECK(log.front() == "fetching " + mirror.url() + "/toy/plain.txt");
  fs::remove_all(mirror.dir / "toy");
  CHECK(mirror.run() == folder);  // complete: nothing is asked for
}

TEST_CASE("fetch: a wrong sum, a missing file and a damaged archive leave nothing behind") {
  if (!have_curl()) return;
  const auto refused = [](const Mirror& mirror, const char* message) {
    CHECK_THROWS_WITH_AS(mirror.run(), doctest::Contains(message), DataError);
    CHECK_FALSE(fs::exists(mirror.root()));
  };
  for (std::size_t i = 0; i < 3; ++i) {
    Mirror mirror;
    mirror.recipe.files[i].md5[0] ^= 1;
    refused(mirror, "expected the MD5 sum");
  }
  Mirror missing;
  fs::remove(missing.dir / "toy/data.gz");
  refused(missing, "cannot download");
  Mirror incomplete;
  incomplete.recipe.files[2].keep.push_back("c.bin");
  refused(incomplete, "expected the file c.bin in the archive");
  Mirror damaged;
  const auto zip = gzip(bytes_of(std::string(600, 'x')));  // no tar header
  const std::string_view packed(reinterpret_cast<const char*>(zip.data()), zip.size());
  damaged.dir.write("toy/all.tar.gz", packed);
  damaged.recipe.files[2].md5 = md5(packed);
  refused(damaged, "tar header");
}

TEST_CASE("fetch: a connection that breaks off is gone on from; a false part is begun anew") {
  if (!have_curl()) return;
  std::string body;
  for (int i = 0; i < 20000; ++i) body += static_cast<char>('a' + i % 23);
  const TempDir home;
  const FetchRecipe recipe{"toy", "", {{"file.txt", md5(body), FetchFile::Packing::kPlain, {}}}};
  Server server(body, 5000);
  const FetchOptions options{.root = home.path(), .mirror = server.url()};
  CHECK_THROWS_WITH_AS(fetch(recipe, options), doctest::Contains("goes on from where it broke off"),
                       DataError);
  CHECK(fs::file_size(home / "toy.fetching/file.txt.part") == 5000);
  CHECK_FALSE(fs::exists(home / "toy"));
  fetch(recipe, options);
  CHECK(server.resumed_at == 5000);
  CHECK(home.read("toy/file.txt") == body);
  CHECK_FALSE(fs::exists(home / "toy.fetching"));

  fs::remove_all(home / "toy");
  home.write("toy.fetching/file.txt.part", std::string_view("something else"));
  CHECK_THROWS_WITH_AS(fetch(recipe, options), doctest::Contains("expected the MD5 sum"), DataError);
  CHECK(std::distance(fs::directory_iterator(home.path()), {}) == 0);
  fetch(recipe, options);
  CHECK(home.read("toy/file.txt") == body);
}

TEST_CASE("fetch: every recipe names the files its data set opens") {
  for (const FetchRecipe& r : fetch_recipes())
    for (const FetchFile& f : r.files) {
      CHECK(f.md5.size() == 32);
      CHECK_FALSE(f.results().empty());
    }
  CHECK(find_recipe("mnist").files[0].results() == std::vector<std::string>{"train-images-idx3-ubyte"});
  CHECK_THROWS_WITH_AS(find_recipe("minst"), doctest::Contains("did you mean 'mnist'"), UsageError);
}
