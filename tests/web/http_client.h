// A plain HTTP/1.1 client for tests: sends bytes as they stand and reads until the peer closes, so
// that malformed requests can be sent too.
#pragma once

#include <cstdint>
#include <string>

namespace vlsweep {

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void send(const std::string& bytes);
  // Everything up to the end of the connection.
  std::string read_all();
  // Reads until `text` has been seen; empty if the connection ended first.
  std::string read_until(const std::string& text);

 private:
  int socket_ = -1;
};

// One GET with "Connection: close"; `headers` are whole lines ending in \r\n.
std::string http_get(std::uint16_t port, const std::string& target,
                     const std::string& headers = "Host: localhost\r\n");
int http_status(const std::string& response);

}  // namespace vlsweep
