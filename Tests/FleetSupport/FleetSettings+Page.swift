package import FleetIO
package import StatusPage

extension FleetSettings {
    /// Shows the fleet on a status page.
    /// - Throws: `FleetError` where it cannot be served.
    package mutating func show(_ page: StatusPageSettings) throws { view = try StatusServer(page, report: report) }
}
