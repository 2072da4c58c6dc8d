import CKernels
import Foundation
import Linalg

/// The BLAS kernels this process runs, and how to run another level: OpenBLAS reads its choice when it is loaded, so the
/// worker starts itself again.
package enum KernelLevel {
    private static let variable = "OPENBLAS_CORETYPE"

    package static var current: String { BLAS.coreName }

    /// The version of our own kernels that this CPU takes.
    package static var simd: Int { Int(fl_kernel_level()) }

    /// Higher needs a newer CPU. Names OpenBLAS knows; all others rank lowest.
    package static func rank(of level: String) -> Int {
        switch level.lowercased() {
        case "sapphirerapids": 5
        case "cooperlake": 4
        case "skylakex": 3
        case "zen", "haswell": 2
        case "sandybridge", "bulldozer", "piledriver", "steamroller", "excavator": 1
        default: 0
        }
    }

    /// The level to start again at: OpenBLAS knows CPUs by their model numbers, and takes kernels without AVX2 on one that is
    /// newer than itself, which are slower.
    /// - Returns: `nil` where its choice stands, or is the user's.
    package static var better: String? { better(than: current, simd: simd, isAsked: getenv(variable) != nil) }

    package static func better(than level: String, simd: Int, isAsked: Bool) -> String? {
        let avx2 = "Haswell"
        return !isAsked && simd >= 3 && rank(of: level) < rank(of: avx2) ? avx2 : nil
    }

    /// Replaces this process by one at `level`; returns only where that fails, with the reason.
    package static func restart(at level: String) -> String {
        guard getenv(variable).map({ String(cString: $0) }) != level else {
            return
                "the fleet runs at kernel level \(level), which this machine's BLAS does not take (it runs \(current))"
        }
        setenv(variable, level, 1)
        var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &arguments)
        return "cannot start again at kernel level \(level): \(String(cString: strerror(errno)))"
    }
}
