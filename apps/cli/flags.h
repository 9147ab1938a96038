// Flags of commands from option structs: the same visit() that describes the options of a registry entry makes
// the flags, the help, the JSON of --config and --print-config, and the complaints.
//
//   struct Options { int64 batch_size = 64; bool shuffle = true; std::vector<std::string> freeze;
//     void visit(auto&& f) { f("batch_size", batch_size, "examples a step", at_least(1)); ... } };
//   --batch-size N     a field with a value
//   --no-shuffle       a flag that is true unless given; --json: one that is false unless given
//   --freeze GLOB      a list: may be repeated
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

/// "batch_size" as a flag: "--batch-size".
std::string flag_name(const std::string& key);

/// Adds a flag a field to `app`. What the user gives lands in `given` as (field, text), in the order given.
void add_flags(CLI::App& app, const OptionFields& fields, const std::shared_ptr<OptionList>& given);
template <class O>
void add_flags(CLI::App& app, const std::shared_ptr<OptionList>& given) {
  O defaults;
  add_flags(app, fields_of(defaults), given);
}

/// Sets the named fields; a list given anew replaces what was there. Throws UsageError for an unknown name (with
/// the nearest) and for values out of range. Messages say "--batch-size: ...".
void assign(const OptionFields& fields, const OptionList& given);
template <class O>
void assign(O& options, const OptionList& given) {
  assign(fields_of(options), given);
}

/// All fields, in order, as JSON.
nlohmann::ordered_json options_json(const OptionFields& fields);
template <class O>
nlohmann::ordered_json options_json(O options) {
  return options_json(fields_of(options));
}

/// The entries of a JSON object as assign() takes them. Throws UsageError, opened by `where`, for anything else.
OptionList given_in_json(const nlohmann::json& json, const std::string& where);

}  // namespace gradus
