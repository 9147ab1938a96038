// Entry point of `gradus` and `gradus64`.
#include "apps/cli/program.h"

int main(int argc, char** argv) { return gradus::run_main(argc, argv); }
