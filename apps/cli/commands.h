// The commands of the program, one file each below apps/commands/.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// What a parsed command does; its result is the exit code. Commands fill it in while the line is parsed; it runs
/// afterwards.
using Action = std::function<int()>;

void add_train(CLI::App& app, Action& action);
void add_federated(CLI::App& app, Action& action);
void add_active(CLI::App& app, Action& action);
void add_continual(CLI::App& app, Action& action);
void add_landscape(CLI::App& app, Action& action);
void add_lr_find(CLI::App& app, Action& action);
void add_sweep(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_sample(CLI::App& app, Action& action);
void add_steer(CLI::App& app, Action& action);
void add_decoding_head(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_runs(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_optim(CLI::App& app, Action& action);
void add_model(CLI::App& app, Action& action);
void add_adapter(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_papers(CLI::App& app, Action& action);
void add_book(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_lab(CLI::App& app, Action& action);
void add_grad_check(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_help(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

/// Lets a command have words that are names of commands themselves; `words` gets them.
void add_spoken_of(CLI::App& command, const std::shared_ptr<std::vector<std::string>>& words);

}  // namespace gradus
