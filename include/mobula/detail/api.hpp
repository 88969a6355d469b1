#pragma once

/// On the namespace of the public headers: what they name, Mobula's shared library exports, and
/// nothing else that is in it. A user's library that is compiled with -fvisibility=hidden shares
/// these names, the errors' types among them, with the program that loads it.
#define MOBULA_API [[gnu::visibility("default")]]
