#include "curand.h"
