// Evaluation of an Expression, and how values are written.
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sweeps/expression/expression.h"

namespace vlsweep {

using expression_detail::Function;
using expression_detail::Node;
using expression_detail::Op;

namespace {

std::string number_text(double number) {
  if (number == 0) return "0";  // also minus zero: equal values, equal text
  std::array<char, 32> buffer;
  const bool whole = std::abs(number) < 9.0e15 && number == std::trunc(number);
  const auto [end, status] = whole ? std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                                   static_cast<long long>(number))
                                   : std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                                   number, std::chars_format::general);
  return status == std::errc() ? std::string(buffer.data(), end) : std::string("0");
}

const char* kind_name(const Value& value) {
  static constexpr std::array<const char*, 4> kNames{"null", "true/false", "a number", "a text"};
  return kNames[value.index()];
}

bool is_null(const Value& value) { return std::holds_alternative<std::monostate>(value); }

class Evaluator {
 public:
  Evaluator(const std::vector<Node>& nodes, const ValueLookup& lookup)
      : nodes_(nodes), lookup_(lookup) {}

  Result<Value> evaluate(std::uint32_t index) const {
    const Node& node = nodes_[index];
    switch (node.op) {
      case Op::literal:
        return node.literal;
      case Op::name:
        return name(node);
      case Op::logical_or:
      case Op::logical_and:
        return logical(node);
      case Op::logical_not: {
        VLSWEEP_TRY(const bool operand, condition(node.operands[0]));
        return Value(!operand);
      }
      case Op::in:
        return contains(node);
      case Op::call:
        return call(node);
      case Op::equal:
      case Op::unequal:
      case Op::less:
      case Op::less_equal:
      case Op::greater:
      case Op::greater_equal:
        return compare(node);
      default:
        return arithmetic(node);
    }
  }

  Result<bool> condition(std::uint32_t index) const {
    VLSWEEP_TRY(const Value value, evaluate(index));
    if (is_null(value)) return false;
    if (const bool* truth = std::get_if<bool>(&value)) return *truth;
    return error(nodes_[index], std::string("expected a condition (true or false), found ") +
                                    kind_name(value) + "; compare it with something");
  }

 private:
  static std::unexpected<Error> error(const Node& node, std::string message) {
    return fail(Errc::invalid, std::move(message), "column " + std::to_string(node.column));
  }

  Result<Value> name(const Node& node) const {
    const std::string& text = std::get<std::string>(node.literal);
    if (std::optional<Value> value = lookup_(text)) return std::move(*value);
    if (node.may_be_text) return node.literal;
    std::string message = "unknown name '" + text + "'";
    if (text.find('-') != std::string::npos)
      message += "; to subtract, put spaces around the minus";
    return error(node, std::move(message));
  }

  Result<Value> logical(const Node& node) const {
    VLSWEEP_TRY(const bool left, condition(node.operands[0]));
    if (left == (node.op == Op::logical_or)) return Value(left);
    VLSWEEP_TRY(const bool right, condition(node.operands[1]));
    return Value(right);
  }

  Result<Value> contains(const Node& node) const {
    VLSWEEP_TRY(const Value left, evaluate(node.operands[0]));
    for (std::size_t i = 1; i < node.operands.size(); ++i) {
      VLSWEEP_TRY(const Value item, evaluate(node.operands[i]));
      if (left == item) return Value(true);
    }
    return Value(false);
  }

  Result<Value> compare(const Node& node) const {
    VLSWEEP_TRY(const Value left, evaluate(node.operands[0]));
    VLSWEEP_TRY(const Value right, evaluate(node.operands[1]));
    if (node.op == Op::equal) return Value(left == right);
    if (node.op == Op::unequal) return Value(left != right);
    if (is_null(left) || is_null(right)) return Value(false);
    if (left.index() != right.index() || std::holds_alternative<bool>(left))
      return error(node,
                   std::string("cannot order ") + kind_name(left) + " and " + kind_name(right));
    switch (node.op) {
      case Op::less:
        return Value(left < right);
      case Op::less_equal:
        return Value(left <= right);
      case Op::greater:
        return Value(left > right);
      default:
        return Value(left >= right);
    }
  }

  // null when an operand is null.
  Result<std::optional<double>> number(const Node& node, std::uint32_t operand) const {
    VLSWEEP_TRY(const Value value, evaluate(operand));
    if (is_null(value)) return std::optional<double>();
    if (const double* number = std::get_if<double>(&value)) return std::optional<double>(*number);
    return error(node, std::string("expected a number, found ") + kind_name(value));
  }
  Result<Value> finite(const Node& node, double result) const {
    if (!std::isfinite(result)) return error(node, "the result is not a finite number");
    return Value(result);
  }

  Result<Value> arithmetic(const Node& node) const {
    VLSWEEP_TRY(const auto left, number(node, node.operands[0]));
    if (node.op == Op::negate) return left ? Value(-*left) : Value();
    VLSWEEP_TRY(const auto right, number(node, node.operands[1]));
    if (!left || !right) return Value();
    switch (node.op) {
      case Op::add:
        return finite(node, *left + *right);
      case Op::subtract:
        return finite(node, *left - *right);
      case Op::multiply:
        return finite(node, *left * *right);
      default:
        break;
    }
    if (*right == 0) return error(node, "division by zero");
    return finite(node, node.op == Op::divide ? *left / *right : std::fmod(*left, *right));
  }

  Result<Value> call(const Node& node) const {
    if (node.function == Function::choose) {
      VLSWEEP_TRY(const bool first, condition(node.operands[0]));
      return evaluate(node.operands[first ? 1 : 2]);
    }
    std::vector<double> values;
    for (const std::uint32_t operand : node.operands) {
      VLSWEEP_TRY(const auto value, number(node, operand));
      if (!value) return Value();
      values.push_back(*value);
    }
    return Value(apply(node.function, values));
  }
  static double apply(Function function, const std::vector<double>& values) {
    double result = values[0];
    switch (function) {
      case Function::ceil:
        return std::ceil(result);
      case Function::floor:
        return std::floor(result);
      case Function::round:
        return std::round(result);
      case Function::abs:
        return std::abs(result);
      default:
        break;
    }
    for (const double value : values)
      result = function == Function::min ? std::min(result, value) : std::max(result, value);
    return result;
  }

  const std::vector<Node>& nodes_;
  const ValueLookup& lookup_;
};

}  // namespace

std::string value_to_json(const Value& value) {
  if (const std::string* text = std::get_if<std::string>(&value))
    return nlohmann::json(*text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return value_to_text(value);
}

std::string value_to_text(const Value& value) {
  if (const std::string* text = std::get_if<std::string>(&value)) return *text;
  if (const double* number = std::get_if<double>(&value)) return number_text(*number);
  if (const bool* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  return "null";
}

Result<Value> Expression::evaluate(const ValueLookup& lookup) const {
  return Evaluator(nodes_, lookup).evaluate(root_);
}

Result<bool> Expression::holds(const ValueLookup& lookup) const {
  return Evaluator(nodes_, lookup).condition(root_);
}

}  // namespace vlsweep
