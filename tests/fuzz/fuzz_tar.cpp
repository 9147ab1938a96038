#include "tests/fuzz/readers.h"

GRADUS_FUZZ("tar");
