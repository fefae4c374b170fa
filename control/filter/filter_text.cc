#include "control/filter/filter_text.h"

#include "control/filter/filter_values.h"

#include <flatline/delivery.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace flatline {
namespace {

constexpr unsigned kDeepest = 64;

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

// What may stand in a value or a key without quotes.
bool IsWordCharacter(char c) {
  return !IsBlank(c) && c != '(' && c != ')' && c != ',' && c != '"' && c != ':' && c != '=' &&
         c != '!';
}

std::unexpected<FilterFault> Fault(std::size_t column, std::string cause, std::string hint) {
  return std::unexpected(FilterFault{column, std::move(cause), std::move(hint)});
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::expected<FilterTree, FilterFault> Run() {
    auto root = Either();
    if (!root) {
      return std::unexpected(std::move(root.error()));
    }
    SkipBlanks();
    if (at_ != text_.size()) {
      return text_[at_] == ')'
                 ? Fault(Column(), "a parenthesis closes that was not opened", "take it away")
                 : Fault(Column(), "two tests with nothing between", "write `and` or `or`");
    }
    return std::move(tree_);
  }

 private:
  using Node = std::expected<std::uint32_t, FilterFault>;

  [[nodiscard]] std::size_t Column() const { return at_ + 1; }

  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) {
      ++at_;
    }
  }

  [[nodiscard]] std::string_view PeekWord() const {
    std::size_t end = at_;
    while (end < text_.size() && IsWordCharacter(text_[end])) {
      ++end;
    }
    return text_.substr(at_, end - at_);
  }

  // Where it stands alone: not the key of a test.
  bool TakeKeyword(std::string_view keyword) {
    SkipBlanks();
    if (PeekWord() != keyword) {
      return false;
    }
    at_ += keyword.size();
    return true;
  }

  std::uint32_t Add(FilterNode node) {
    tree_.nodes.push_back(node);
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }

  Node Either() { return Chain("or", FilterNode::Kind::kOr, &Parser::Both); }

  Node Both() { return Chain("and", FilterNode::Kind::kAnd, &Parser::One); }

  Node Chain(std::string_view keyword, FilterNode::Kind kind, Node (Parser::*part)()) {
    Node left = (this->*part)();
    while (left && TakeKeyword(keyword)) {
      const Node right = (this->*part)();
      if (!right) {
        return right;
      }
      left = Add({kind, *left, *right});
    }
    return left;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as kDeepest
  Node One() {
    if (depth_ == kDeepest) {
      return Fault(Column(), "more than 64 deep", "take away parentheses or `not`s");
    }
    ++depth_;
    Node out = OneAtThisDepth();
    --depth_;
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as kDeepest
  Node OneAtThisDepth() {
    if (TakeKeyword("not")) {
      const Node inner = One();
      return inner ? Node(Add({FilterNode::Kind::kNot, *inner, 0})) : inner;
    }
    if (at_ < text_.size() && text_[at_] == '(') {
      const std::size_t opened = Column();
      ++at_;
      Node inner = Either();
      SkipBlanks();
      if (inner && (at_ == text_.size() || text_[at_] != ')')) {
        return Fault(opened, "a parenthesis is not closed", "write ) behind what belongs to it");
      }
      ++at_;
      return inner;
    }
    return Test();
  }

  Node Test() {
    SkipBlanks();
    const std::size_t column = Column();
    const std::string_view key = PeekWord();
    if (key.empty() || key == "and" || key == "or") {
      return Fault(column, "a test is missing", "write liveness:dead or rack=r7, say");
    }
    at_ += key.size();
    SkipBlanks();
    const bool is_fact = Take(":");
    const bool is_unlike = !is_fact && Take("!=");
    if (!is_fact && !is_unlike && !Take("=")) {
      return Fault(Column(), "needs : or = behind " + std::string(key), "liveness:dead, rack=r7");
    }
    const auto fact = is_fact ? FactNamed(key) : std::optional(FilterFact::kLabel);
    if (!fact) {
      return Fault(
          column,
          "no such fact: " + std::string(key),
          HintForFact(key) + (text_.size() > at_ ? "; a label is " + std::string(key) + "=…" : ""));
    }
    auto values = Values();
    if (!values) {
      return std::unexpected(std::move(values.error()));
    }
    auto test = TestOf(*fact, is_fact ? std::string_view{} : key, *values);
    if (!test) {
      return std::unexpected(std::move(test.error()));
    }
    tree_.tests.push_back(std::move(*test));
    const std::uint32_t out =
        Add({FilterNode::Kind::kTest, static_cast<std::uint32_t>(tree_.tests.size() - 1), 0});
    return is_unlike ? Add({FilterNode::Kind::kNot, out, 0}) : out;
  }

  bool Take(std::string_view sign) {
    const bool is_there = text_.substr(at_).starts_with(sign);
    at_ += is_there ? sign.size() : 0;
    return is_there;
  }

  std::expected<std::vector<FilterValue>, FilterFault> Values() {
    std::vector<FilterValue> out;
    do {
      SkipBlanks();
      auto value = Value();
      if (!value) {
        return std::unexpected(std::move(value.error()));
      }
      out.push_back(std::move(*value));
      SkipBlanks();
    } while (Take(","));
    return out;
  }

  std::expected<FilterValue, FilterFault> Value() {
    FilterValue out{.column = Column()};
    if (Take("\"")) {
      const std::size_t end = text_.find('"', at_);
      if (end == std::string_view::npos) {
        return Fault(out.column, "a quote is not closed", "write \" behind the value");
      }
      out.text = text_.substr(at_, end - at_);
      out.is_quoted = true;
      at_ = end + 1;
    } else {
      out.text = PeekWord();
      at_ += out.text.size();
    }
    if (out.text.empty()) {
      return Fault(out.column, "a value is missing", "several are apart by commas: dead,suspect");
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
  FilterTree tree_;
};

}  // namespace

std::string FilterFault::Text() const {
  return "column " + std::to_string(column) + ": " + cause + (hint.empty() ? "" : "; " + hint);
}

std::expected<FilterTree, FilterFault> ParseFilter(std::string_view text) {
  if (text.size() > kMostSubscriptionText) {
    return Fault(kMostSubscriptionText, "more than 16 KiB", "put the ids into groups or labels");
  }
  return Parser(text).Run();
}

}  // namespace flatline
