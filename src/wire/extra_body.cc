#include "src/wire/extra_body.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/json_cursor.h"

namespace llmload::wire {
namespace {

constexpr std::string_view kField = "extra_body";

// A member as the user wrote it; of an object its members, which may be merged with others.
struct Member {
  std::string name = {};
  bool is_object = false;
  std::string value = {};  // unless it is an object
  std::vector<Member> members = {};
};
using Members = std::vector<Member>;

Members::iterator FindMember(Members& members, std::string_view name) {
  return std::find_if(members.begin(), members.end(),
                      [&](const Member& member) { return member.name == name; });
}

Members ReadObject(text::JsonCursor& cursor) {
  Members members;
  cursor.EnterObject();
  text::JsonString name;
  std::string storage;
  while (cursor.NextMember(name)) {
    Member member{.name = std::string(text::Text(name, storage))};
    if (FindMember(members, member.name) != members.end()) {
      throw ConfigurationError::Invalid(kField, member.name, "each member once");
    }
    member.is_object = cursor.Peek() == text::JsonCursor::Type::kObject;
    if (member.is_object) {
      member.members = ReadObject(cursor);
    } else {
      member.value = cursor.ReadRaw();
    }
    members.push_back(std::move(member));
  }
  return members;
}

// The cursor takes some texts that are not JSON for such, and does not know where one is broken.
Members ParseObject(std::string_view json) {
  const auto refuse = [json](const std::string& accepted) {
    return ConfigurationError::Invalid(kField, json, accepted);
  };
  try {
    if (!nlohmann::json::parse(json).is_object()) throw refuse("a JSON object");
  } catch (const nlohmann::json::parse_error& error) {
    throw refuse("a JSON object, and this is none from byte " + std::to_string(error.byte) + " on");
  } catch (const nlohmann::json::exception&) {
    throw refuse("a JSON object whose numbers a double can hold");
  }
  text::JsonCursor cursor(json);
  Members members = ReadObject(cursor);
  if (!cursor.Finished()) {
    throw refuse("a JSON object that is nested at most " +
                 std::to_string(text::JsonCursor::kMaxDepth) + " levels deep");
  }
  return members;
}

void MergeMembers(Members& into, Members from) {
  for (Member& member : from) {
    const auto same = FindMember(into, member.name);
    if (same == into.end()) {
      into.push_back(std::move(member));
    } else if (same->is_object && member.is_object) {
      MergeMembers(same->members, std::move(member.members));
    } else {
      *same = std::move(member);
    }
  }
}

void CheckOwn(Members& members, const BodyForm& form) {
  for (const BodyForm::Own& own : form.own) {
    const std::size_t dot = own.path.find('.');
    auto found = FindMember(members, own.path.substr(0, dot));
    if (found == members.end()) continue;
    if (dot != std::string_view::npos &&
        FindMember(found->members, own.path.substr(dot + 1)) == found->members.end()) {
      continue;
    }
    throw ConfigurationError::Invalid(
        kField, own.path,
        "members that llmload does not write itself; use " + std::string(own.decided_by));
  }
}

// Each with a comma before it.
void AppendMembers(const Members& members, std::string& out) {
  for (const Member& member : members) {
    out.push_back(',');
    text::AppendJsonString(member.name, out);
    out.push_back(':');
    if (!member.is_object) {
      out.append(member.value);
      continue;
    }
    const std::size_t first_comma = out.size();
    AppendMembers(member.members, out);
    if (out.size() == first_comma) out.push_back('{');
    out[first_comma] = '{';
    out.push_back('}');
  }
}

std::vector<std::string> NamesOf(const Members& members) {
  std::vector<std::string> names;
  for (const Member& member : members) names.push_back(member.name);
  return names;
}

}  // namespace

ExtraBody::ExtraBody(std::string_view common, std::string_view json, const BodyForm& form) {
  Members members;
  if (!common.empty()) members = ParseObject(common);
  MergeMembers(members, ParseObject(json));
  CheckOwn(members, form);
  names_ = NamesOf(members);
  const auto nested = FindMember(members, form.nested);
  if (!form.nested.empty() && nested != members.end()) {
    if (!nested->is_object) {
      throw ConfigurationError::Invalid(kField, form.nested, "an object as its value");
    }
    AppendMembers(nested->members, nested_);
    nested_names_ = NamesOf(nested->members);
    members.erase(nested);
  }
  AppendMembers(members, top_);
}

bool ExtraBody::Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace llmload::wire
