import FleetIO
import StatusPage

extension FleetSettings {
    /// Shows the fleet on a status page.
    /// - Throws: `FleetError` where it cannot be served.
    mutating func show(_ page: StatusPageSettings) throws { view = try StatusServer(page, report: report) }
}
