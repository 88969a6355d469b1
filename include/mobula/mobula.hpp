#pragma once

// All of Mobula's interface: remote functions, immutable remote objects and actors for programs
// launched with mpirun, srun or nothing.

#include "mobula/actor.hpp"
#include "mobula/amount.hpp"
#include "mobula/checkpoint.hpp"
#include "mobula/cluster.hpp"
#include "mobula/codec.hpp"
#include "mobula/command.hpp"
#include "mobula/errors.hpp"
#include "mobula/get.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/on_worker_start.hpp"
#include "mobula/options.hpp"
#include "mobula/placement.hpp"
#include "mobula/preempt.hpp"
#include "mobula/put.hpp"
#include "mobula/remote.hpp"
#include "mobula/runtime.hpp"
#include "mobula/shared_array.hpp"
#include "mobula/wait.hpp"
