# Configuration of the lit suites: one file, one check of one thing.
#
# Substitutions: %python is the project's interpreter (.venv, which has the
# test wheels), %models the folder of unpacked test models, %plugin the plugin
# for a stock mlir-opt.
import os

import lit.formats

config.name = "dejavu"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Unit", "Integration", "Models"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.dejavu_obj_root, "test")

bin_dir = os.path.join(config.dejavu_obj_root, "bin")
config.environment["PATH"] = os.pathsep.join(
    [bin_dir, config.llvm_tools_dir, config.environment.get("PATH", "")]
)
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"

venv = os.path.join(config.dejavu_src_root, ".venv", "bin", "python")
config.substitutions += [
    ("%python", os.environ.get("DEJAVU_PYTHON", venv)),
    ("%models", os.path.join(config.dejavu_obj_root, "models")),
    ("%plugin", os.path.join(config.dejavu_obj_root, "lib", "DejavuPlugin.so")),
    ("%src", config.dejavu_src_root),
]
if os.geteuid() == 0:
    config.available_features.add("root")
