// vlsweep chat.
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "worker/trainer/command/commands.h"
#include "worker/trainer/command/session.h"

namespace vlsweep {
namespace {

// The cache is as long as the model's positions, but no longer than this.
constexpr std::int64_t kMostPositions = 32768;

std::atomic<bool> interrupted = false;

// Without SA_RESTART: a read of a line ends when Ctrl-C comes.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, nullptr);
}

enum class Input { line, interrupt, end };

// One line of standard input, without its end.
Input read_line(std::string& line) {
  line.clear();
  while (true) {
    char letter = 0;
    const ssize_t got = ::read(STDIN_FILENO, &letter, 1);
    if (got < 0 && errno == EINTR) {
      if (interrupted.exchange(false)) return Input::interrupt;
      continue;
    }
    if (got <= 0) return line.empty() ? Input::end : Input::line;
    if (letter == '\n') return Input::line;
    line += letter;
  }
}

// Bytes at the end of a text that may be the beginning of a character still to come.
std::size_t unfinished_bytes(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

class Chat {
 public:
  Chat(const CommandOptions& options, ModelSession& session)
      : options_(options),
        session_(session),
        image_(options.image),
        generator_(session.model(), &session.features(), &session.tokenizer(),
                   {.slots = 1,
                    .least_capacity =
                        std::min(session.model().config().text.max_positions, kMostPositions)}) {}

  Result<> run();

 private:
  struct Turn {
    std::string question, answer;
  };
  // False: the person leaves.
  bool obey(const std::string& line);
  void forget() { turns_.clear(); }
  Result<> answer(const std::string& question);
  void show(const std::string& text);

  const CommandOptions& options_;
  ModelSession& session_;
  std::filesystem::path image_;
  std::vector<Turn> turns_;
  Generator generator_;
  std::size_t shown_ = 0;  // bytes of the answer that is being written
};

bool Chat::obey(const std::string& line) {
  const std::size_t space = line.find(' ');
  const std::string name = line.substr(0, space);
  if (name == "/quit" || name == "/exit") return false;
  if (name == "/new") {
    forget();
    image_.clear();
    std::fputs("(a new conversation)\n", stderr);
  } else if (name == "/image") {
    forget();
    image_ = space == line.npos ? "" : line.substr(space + 1);
    const std::string shown = image_.empty() ? "no image" : image_.string();
    std::fprintf(stderr, "(a new conversation on %s)\n", shown.c_str());
  } else {
    std::fputs("/image FILE, /new, /quit\n", stderr);
  }
  return true;
}

// Writes what is new of an answer, up to the last whole character.
void Chat::show(const std::string& text) {
  const std::size_t end = text.size() - unfinished_bytes(text);
  if (end <= shown_) return;
  std::fwrite(text.data() + shown_, 1, end - shown_, stdout);
  std::fflush(stdout);
  shown_ = end;
}

Result<> Chat::answer(const std::string& question) {
  std::vector<DialogueTurn> turns;
  for (const Turn& turn : turns_) turns.push_back({turn.question, turn.answer});
  turns.push_back({question, {}});
  turns.front().system = options_.system;
  VLSWEEP_TRY(const Prompt prompt, session_.chat_prompt(turns, image_));
  VLSWEEP_CHECK_OK(session_.check_length(prompt, 1));
  GenerateSettings settings = session_.settings(options_);
  settings.max_new_tokens =
      std::min(settings.max_new_tokens,
               std::min(session_.model().config().text.max_positions, kMostPositions) -
                   std::ssize(prompt.ids));
  // Each turn draws numbers of its own.
  settings.sampling.seed += turns_.size();
  const Tokenizer& tokenizer = session_.tokenizer();
  std::string text;
  GenerateEvents events;
  events.stop = [] { return interrupted.load(); };
  events.grown = [&](std::size_t, const std::vector<TokenId>& ids) {
    text = text_until(tokenizer.decode(ids), settings.stop);
    show(text);
  };
  shown_ = 0;
  const auto done = generator_.run({&prompt, 1}, settings, events);
  std::fputs(interrupted.exchange(false) ? " ...\n" : "\n", stdout);
  std::fflush(stdout);
  if (!done && done.error().code != Errc::cancelled) return done;
  turns_.push_back({question, text});
  return {};
}

Result<> Chat::run() {
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  std::string line;
  while (true) {
    if (terminal) std::fputs("> ", stderr);
    const Input input = read_line(line);
    if (input == Input::end) break;
    if (input == Input::interrupt) {
      std::fputs("\n(Ctrl-D or /quit ends)\n", stderr);
      continue;
    }
    if (line.empty()) continue;
    if (line.starts_with('/')) {
      if (!obey(line)) break;
      continue;
    }
    // What one question does wrong does not end the conversation.
    if (const auto done = answer(line); !done)
      std::fprintf(stderr, "vlsweep chat: %s\n", done.error().text().c_str());
  }
  if (terminal) std::fputs("\n", stderr);
  return {};
}

}  // namespace

Result<> run_chat(const CommandOptions& options) {
  VLSWEEP_TRY(ModelSession session, ModelSession::open(options));
  if (!options.image.empty()) {
    const DialogueTurn turn{"?", {}};
    VLSWEEP_CHECK_OK(session.chat_prompt({&turn, 1}, options.image));
  }
  catch_interrupts();
  return Chat(options, session).run();
}

}  // namespace vlsweep
