package import Tensors

/// What the environment of a program that computes says at a kernel level.
///
/// OpenBLAS, oneDNN and the C library read their settings once, when they are loaded. Some change bytes, so none is the
/// user's: a level alone decides.
package struct KernelEnvironment: Sendable {
    /// OpenBLAS's name of the level's kernels. These give the same bits on all CPUs that have them.
    package let core: String
    private let level: KernelLevel

    package init(_ level: KernelLevel) {
        self.level = level
        core =
            switch level {
            case .portable: "Prescott"
            case .avx2: "Haswell"
            case .avx512, .avx512BF16, .amx: "SkylakeX"
            }
    }

    /// What settings of the libraries begin with.
    private static let prefixes = ["OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "DNNL_", "ONEDNN_", "MKLDNN_"]
    private static let tunables = "GLIBC_TUNABLES"
    private static let capabilities = "glibc.cpu.hwcaps="

    /// What has to change in an environment, by name.
    /// - Returns: new values; `nil`: the name goes.
    package func changes(in environment: [String: String]) -> [String: String?] {
        var wanted: [String: String?] = [
            "OPENBLAS_CORETYPE": core,
            // Every call computes on the thread that makes it.
            "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
            Self.tunables: tunables(environment[Self.tunables]),
        ]
        for name in environment.keys where wanted[name] == nil && Self.prefixes.contains(where: name.hasPrefix) {
            wanted.updateValue(nil, forKey: name)
        }
        return wanted.filter { environment[$0.key] != $0.value }
    }

    /// The C library's exp, log, pow, sin and cos of F64 have forms with and without FMA, which differ in their last bits.
    /// - Returns: the user's settings but for those of the CPU; `nil`: none.
    private func tunables(_ own: String?) -> String? {
        var settings = (own ?? "").split(separator: ":").map(String.init).filter {
            !$0.hasPrefix(Self.capabilities)
        }
        if level == .portable { settings.append(Self.capabilities + "-AVX2,-FMA,-FMA4") }
        return settings.isEmpty ? nil : settings.joined(separator: ":")
    }
}
