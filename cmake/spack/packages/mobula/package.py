from pathlib import Path

try:  # Spack 1.0 and later
    from spack_repo.builtin.build_systems.cmake import CMakePackage
    from spack_repo.builtin.build_systems.cuda import CudaPackage
except ImportError:
    pass  # spack.package has them

from spack.package import *


class Mobula(CMakePackage, CudaPackage):
    """Remote functions, immutable objects and actors for C++ programs that are launched with
    mpirun, srun or nothing."""

    # The checkout that this recipe lies in, as far as it is committed.
    git = Path(__file__).resolve().parents[4].as_uri()

    license("Apache-2.0")

    version("main", branch="main")

    variant("mpi", default=True, description="Have ranks find each other by MPI")
    variant("shared", default=True, description="Build a shared library")
    variant("apps", default=False, description="Install the programs, into libexec/mobula")
    # GPUs are found when a program runs, by NVIDIA's driver, also without CUDA.
    conflicts("+cuda", when="~apps", msg="CUDA is for the program gpu alone: say +cuda +apps")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("xxhash@0.8:", type="build")
    depends_on("boost@1.74: +context")
    depends_on("hwloc@2.0:")
    depends_on("ucx@1.13:")
    depends_on("mpi@3:", when="+mpi")
    depends_on("cli11", when="+apps", type="build")
    depends_on("fmt", when="+apps")

    requires("platform=linux", msg="Mobula is for Linux")
    conflicts("%gcc@:11", msg="Mobula is C++20: GCC 12 or later")
    conflicts("%clang@:13", msg="Mobula is C++20: Clang 14 or later")

    def cmake_args(self):
        args = [
            self.define_from_variant("MOBULA_MPI", "mpi"),
            self.define_from_variant("MOBULA_CUDA", "cuda"),
            self.define_from_variant("MOBULA_BUILD_APPS", "apps"),
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define("MOBULA_BUILD_TESTS", False),
            self.define("MOBULA_BUILD_BENCHMARKS", False),
        ]
        architectures = self.spec.variants["cuda_arch"].value if "+cuda" in self.spec else ("none",)
        if "none" not in architectures:
            args.append(self.define("CMAKE_CUDA_ARCHITECTURES", architectures))
        return args

    @run_after("install")
    def install_programs(self):
        if "+apps" in self.spec:
            cmake("--install", self.build_directory, "--component", "apps")
