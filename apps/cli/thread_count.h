// --threads of every command.
#pragma once

namespace gradus {

/// Uses n threads; 0: leaves the number as it is (one a processor, or OMP_NUM_THREADS). More than there are processors for this process are
/// noted on stderr: the results are those of n threads, the speed that of the processors. Throws UsageError for n < 0.
void use_threads(int n);

}  // namespace gradus
