// Recursive descent from tokens to the flat tree of an Expression.
#include <algorithm>
#include <array>
#include <utility>

#include "sweeps/expression/expression.h"
#include "sweeps/expression/lexer.h"

namespace vlsweep {

using expression_detail::Function;
using expression_detail::Node;
using expression_detail::Op;
using expression_detail::Token;

namespace {

constexpr std::size_t kMaxBytes = 4096;
constexpr int kMaxBrackets = 64;
// Chains such as `a + b + c` deepen the tree too; evaluation recurses over it.
constexpr std::uint32_t kMaxDepth = 256;

struct OpName {
  std::string_view text;
  Op op;
};
constexpr std::array<OpName, 6> kComparisons{{{"==", Op::equal},
                                              {"!=", Op::unequal},
                                              {"<=", Op::less_equal},
                                              {">=", Op::greater_equal},
                                              {"<", Op::less},
                                              {">", Op::greater}}};
constexpr std::array<OpName, 2> kSums{{{"+", Op::add}, {"-", Op::subtract}}};
constexpr std::array<OpName, 3> kProducts{
    {{"*", Op::multiply}, {"/", Op::divide}, {"%", Op::modulo}}};

struct FunctionName {
  std::string_view text;
  Function function;
  std::size_t least;
  std::size_t most;
};
constexpr std::array<FunctionName, 7> kFunctions{{{"ceil", Function::ceil, 1, 1},
                                                  {"floor", Function::floor, 1, 1},
                                                  {"round", Function::round, 1, 1},
                                                  {"abs", Function::abs, 1, 1},
                                                  {"min", Function::min, 1, 16},
                                                  {"max", Function::max, 1, 16},
                                                  {"if", Function::choose, 3, 3}}};

bool is_keyword(std::string_view word) {
  return word == "and" || word == "or" || word == "not" || word == "in";
}

}  // namespace

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Expression> run(std::string_view text) {
    VLSWEEP_TRY(const std::uint32_t root, parse_or());
    if (peek().kind != Token::Kind::end)
      return error(peek(), "unexpected " + describe(peek()) +
                               "; expected an operator or the end of the expression");
    Expression expression;
    expression.text_ = std::string(text);
    expression.nodes_ = std::move(nodes_);
    expression.root_ = root;
    expression.names_ = std::move(names_);
    return expression;
  }

 private:
  using Parsed = Result<std::uint32_t>;

  const Token& peek() const { return tokens_[at_]; }
  bool is_word(std::string_view word) const {
    return peek().kind == Token::Kind::word && peek().text == word;
  }
  bool is_symbol(std::string_view symbol) const {
    return peek().kind == Token::Kind::symbol && peek().text == symbol;
  }
  bool take_symbol(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    ++at_;
    return true;
  }
  bool take_either(std::string_view word, std::string_view symbol) {
    if (!is_word(word) && !is_symbol(symbol)) return false;
    ++at_;
    return true;
  }
  static std::string describe(const Token& token) {
    if (token.kind == Token::Kind::end) return "end of the expression";
    return "'" + token.text + "'";
  }
  static std::unexpected<Error> error(const Token& token, std::string message) {
    return fail(Errc::invalid, std::move(message), "column " + std::to_string(token.column));
  }

  Parsed add(Node node, const Token& at) {
    std::uint32_t depth = 0;
    for (const std::uint32_t operand : node.operands) depth = std::max(depth, depths_[operand]);
    if (depth + 1 > kMaxDepth) return error(at, "the expression has too many operations; split it");
    node.column = at.column;
    nodes_.push_back(std::move(node));
    depths_.push_back(depth + 1);
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  Parsed add(Op op, std::vector<std::uint32_t> operands, const Token& at) {
    Node node;
    node.op = op;
    node.operands = std::move(operands);
    return add(std::move(node), at);
  }

  Parsed parse_or() {
    VLSWEEP_TRY(std::uint32_t left, parse_and());
    for (Token at = peek(); take_either("or", "||"); at = peek()) {
      VLSWEEP_TRY(const std::uint32_t right, parse_and());
      VLSWEEP_TRY(left, add(Op::logical_or, {left, right}, at));
    }
    return left;
  }
  Parsed parse_and() {
    VLSWEEP_TRY(std::uint32_t left, parse_not());
    for (Token at = peek(); take_either("and", "&&"); at = peek()) {
      VLSWEEP_TRY(const std::uint32_t right, parse_not());
      VLSWEEP_TRY(left, add(Op::logical_and, {left, right}, at));
    }
    return left;
  }
  Parsed parse_not() {
    const Token at = peek();
    if (!take_either("not", "!")) return parse_comparison();
    if (++brackets_ > kMaxBrackets) return error(at, "the expression is nested too deeply");
    VLSWEEP_TRY(const std::uint32_t operand, parse_not());
    --brackets_;
    return add(Op::logical_not, {operand}, at);
  }

  Parsed parse_comparison() {
    VLSWEEP_TRY(const std::uint32_t left, parse_sum());
    const Token at = peek();
    for (const OpName& comparison : kComparisons) {
      if (!take_symbol(comparison.text)) continue;
      VLSWEEP_TRY(const std::uint32_t right, parse_sum());
      allow_text(right, left);
      return add(comparison.op, {left, right}, at);
    }
    const bool negated = is_word("not") && tokens_[at_ + 1].text == "in";
    if (negated) ++at_;
    if (!is_word("in")) return left;
    ++at_;
    VLSWEEP_TRY(const std::uint32_t in, parse_list(left, at));
    return negated ? add(Op::logical_not, {in}, at) : Parsed(in);
  }
  Parsed parse_list(std::uint32_t left, const Token& at) {
    if (!take_symbol("[")) return error(peek(), "expected a list such as [a, b] after `in`");
    std::vector<std::uint32_t> operands{left};
    do {
      VLSWEEP_TRY(const std::uint32_t item, parse_sum());
      allow_text(item, left);
      operands.push_back(item);
    } while (take_symbol(","));
    if (!take_symbol("]"))
      return error(peek(), "expected , or ] in the list, not " + describe(peek()));
    return add(Op::in, std::move(operands), at);
  }
  // A bare word to the right of a comparison may stand for its own text.
  void allow_text(std::uint32_t node, std::uint32_t left) {
    if (nodes_[node].op != Op::name) return;
    nodes_[node].may_be_text = true;
    for (Expression::Name& name : names_) {
      if (name.column != nodes_[node].column) continue;
      name.may_be_text = true;
      if (nodes_[left].op == Op::name)
        name.compared_with = std::get<std::string>(nodes_[left].literal);
    }
  }

  template <std::size_t N>
  const OpName* take_any(const std::array<OpName, N>& ops) {
    for (const OpName& op : ops)
      if (take_symbol(op.text)) return &op;
    return nullptr;
  }
  Parsed parse_sum() {
    VLSWEEP_TRY(std::uint32_t left, parse_product());
    for (Token at = peek(); const OpName* op = take_any(kSums); at = peek()) {
      VLSWEEP_TRY(const std::uint32_t right, parse_product());
      VLSWEEP_TRY(left, add(op->op, {left, right}, at));
    }
    return left;
  }
  Parsed parse_product() {
    VLSWEEP_TRY(std::uint32_t left, parse_unary());
    for (Token at = peek(); const OpName* op = take_any(kProducts); at = peek()) {
      VLSWEEP_TRY(const std::uint32_t right, parse_unary());
      VLSWEEP_TRY(left, add(op->op, {left, right}, at));
    }
    return left;
  }
  Parsed parse_unary() {
    const Token at = peek();
    if (!take_symbol("-")) return parse_primary();
    if (++brackets_ > kMaxBrackets) return error(at, "the expression is nested too deeply");
    VLSWEEP_TRY(const std::uint32_t operand, parse_unary());
    --brackets_;
    return add(Op::negate, {operand}, at);
  }

  Parsed parse_primary() {
    const Token at = peek();
    if (take_symbol("(")) return parse_group(at);
    if (at.kind == Token::Kind::number || at.kind == Token::Kind::text) {
      ++at_;
      Node node;
      node.literal = at.kind == Token::Kind::number ? Value(at.number) : Value(at.text);
      return add(std::move(node), at);
    }
    if (at.kind == Token::Kind::word && !is_keyword(at.text)) return parse_word(at);
    return error(at, "unexpected " + describe(at) + "; expected a name, a number, a text or (");
  }
  Parsed parse_group(const Token& at) {
    if (++brackets_ > kMaxBrackets) return error(at, "the expression is nested too deeply");
    VLSWEEP_TRY(const std::uint32_t inner, parse_or());
    if (!take_symbol(")"))
      return error(peek(), "expected ) to close the ( at column " + std::to_string(at.column));
    --brackets_;
    return inner;
  }
  Parsed parse_word(const Token& at) {
    ++at_;
    Node node;
    if (at.text == "true" || at.text == "false") {
      node.literal = at.text == "true";
    } else if (at.text == "null") {
      node.literal = std::monostate();
    } else if (is_symbol("(")) {
      return parse_call(at);
    } else {
      node.op = Op::name;
      node.literal = at.text;
      names_.push_back({at.text, at.column, false, ""});
    }
    return add(std::move(node), at);
  }
  Parsed parse_call(const Token& at) {
    const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                    [&](const FunctionName& f) { return f.text == at.text; });
    if (found == kFunctions.end())
      return error(at, "unknown function " + at.text +
                           "(); there are ceil, floor, round, abs, min, max, if");
    if (++brackets_ > kMaxBrackets) return error(at, "the expression is nested too deeply");
    Node node;
    node.op = Op::call;
    node.function = found->function;
    ++at_;
    do {
      VLSWEEP_TRY(const std::uint32_t operand, parse_or());
      node.operands.push_back(operand);
    } while (take_symbol(","));
    if (!take_symbol(")")) return error(peek(), "expected , or ) in the call of " + at.text);
    --brackets_;
    if (node.operands.size() < found->least || node.operands.size() > found->most)
      return error(at, at.text + "() takes " + std::to_string(found->least) +
                           (found->most > found->least ? " or more" : "") + " values, not " +
                           std::to_string(node.operands.size()));
    return add(std::move(node), at);
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int brackets_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> depths_;
  std::vector<Expression::Name> names_;
};

Result<Expression> Expression::parse(std::string_view text) {
  if (text.size() > kMaxBytes)
    return fail(Errc::invalid, "the expression is longer than 4096 bytes", "column 4097");
  VLSWEEP_TRY(auto tokens, expression_detail::tokenize(text));
  return ExpressionParser(std::move(tokens)).run(text);
}

}  // namespace vlsweep
