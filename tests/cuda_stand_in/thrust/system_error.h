#include "host_vector.h"
