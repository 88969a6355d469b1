#pragma once

#include "mobula/detail/codec.hpp"
#include "mobula/detail/containers.hpp"
#include "mobula/detail/values.hpp"
#include "mobula/object_ref.hpp"

// What can be sent: as an argument, a result, or an object that is put.
//
// - A type with a `serialize(archive, version)` as Boost.Serialization asks for: a member, also a
//   private one with boost::serialization::access for a friend, or a function that is found by
//   argument or in namespace boost::serialization. Its version is BOOST_CLASS_VERSION's. Raw
//   pointers in it are refused.
// - Arithmetic types, enums, and trivially copyable types without pointers as far as that can be
//   seen: as bytes.
// - The standard containers and strings, pair, tuple, array, optional, variant, unique_ptr, times
//   and lengths of time, std::filesystem::path, std::complex and std::bitset of what can be sent.
// - object_ref and actor_handle.
//
// What can't be sent doesn't compile, with a sentence that says why.
