#pragma once

/// The sum of the squares of 1 to `count`, each the result of a task.
[[gnu::visibility("default")]] int sum_of_squares(int count);

/// @throws mobula::timed_out always
[[gnu::visibility("default")]] void give_up();
