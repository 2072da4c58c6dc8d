import CKernels

/// Which of a CPU's instructions a fleet computes with: Faultline's own kernels, OpenBLAS's and oneDNN's alike.
///
/// Sums are rounded in another order at every level, so all workers of a fleet run the same one.
public enum KernelLevel: String, Codable, Sendable, CaseIterable {
    /// Instructions that every x86-64 CPU has.
    case portable
    /// AVX2 and FMA.
    case avx2
    /// AVX-512 F, BW, DQ and VL.
    case avx512
    /// AVX-512 with products of BF16.
    case avx512BF16 = "avx512-bf16"
    /// AMX's tiles of BF16.
    case amx

    /// The highest that this CPU has.
    public static var highest: KernelLevel { KernelLevel(number: fl_highest_level()) }
    /// What this process's own kernels run at.
    public static var current: KernelLevel { KernelLevel(number: fl_level()) }
    /// `portable, avx2, …`, lowest first.
    public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Has this process's own kernels run at this level, which the CPU has to have. Before anything is computed.
    public func use() { fl_set_level(number) }

    /// The name of a kernel that does not give at this level what plain loops give; `nil`: all do.
    public var failingKernel: String? { fl_self_test(number).map { String(cString: $0) } }

    /// From 1; higher ones need newer CPUs.
    private var number: Int32 { Int32(Self.allCases.firstIndex(of: self)! + 1) }

    private init(number: Int32) { self = Self.allCases[max(0, min(Int(number), Self.allCases.count) - 1)] }
}

extension KernelLevel: Comparable {
    public static func < (a: KernelLevel, b: KernelLevel) -> Bool { a.number < b.number }
}

extension KernelLevel: CustomStringConvertible {
    public var description: String { rawValue }
}
