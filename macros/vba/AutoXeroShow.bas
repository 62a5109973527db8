Attribute VB_Name = "AutoXeroShow"
Option Explicit

' What the buttons do by themselves: show, explain, go there. Nothing here needs the agent.

Public Sub GoToSheet(ByVal sheetName As String)
    On Error GoTo Failed
    ThisWorkbook.Activate
    ThisWorkbook.Worksheets(sheetName).Activate
    Exit Sub
Failed:
    Tell "There is no sheet called " & sheetName & ". Was it renamed or deleted? 'autoxero rebuild' brings back what " _
        & "is missing."
End Sub

Public Sub ShowWhy()
    Dim table As Range
    Dim message As String
    Dim heading As Variant
    Set table = SelectedTable()
    If table Is Nothing Then
        TellToSelect
        Exit Sub
    End If
    For Each heading In Array("Number", "Invoice", "Customer", "Status", "Action", "Why", "Fault", "Detail", _
            "What to do")
        If Len(ActiveText(table, CStr(heading))) > 0 Then
            message = message & heading & ": " & ActiveText(table, CStr(heading)) & vbLf
        End If
    Next heading
    If Len(message) = 0 Then message = "This row is blank."
    Tell message
End Sub

' Goes to the explanation of the active row's fault on the sheet Help.
Public Sub ShowHelp()
    Dim code As String
    Dim place As Long
    Dim sheet As Object
    code = ActiveFault()
    If Len(code) = 0 Then Exit Sub
    Set sheet = ThisWorkbook.Worksheets("Help")
    For place = 1 To sheet.UsedRange.Rows.Count + sheet.UsedRange.Row
        If TextOf(sheet.Cells(place, 2)) = code Then
            ShowRow sheet.Cells(place, 2)
            Exit Sub
        End If
    Next place
    Tell "The sheet Help does not explain " & code & "."
End Sub

' Goes to the next row of Faults that is shown; after the last one comes the first.
Public Sub ShowNextFault()
    Dim codes As Range
    Dim place As Long
    Dim steps As Long
    Set codes = ColumnOf(TableRange("Faults"), "Code")
    If codes Is Nothing Then
        Tell "The table Faults, or its column Code, is missing. 'autoxero rebuild' brings it back."
        Exit Sub
    End If
    If ActiveSheet.Name = codes.Worksheet.Name Then place = ActiveCell.Row - codes.Row + 1
    If place < 0 Or place > codes.Rows.Count Then place = 0
    For steps = 1 To codes.Rows.Count
        place = place Mod codes.Rows.Count + 1
        If Len(TextOf(codes.Cells(place, 1))) > 0 And Not codes.Cells(place, 1).EntireRow.Hidden Then
            ShowRow codes.Cells(place, 1)
            Exit Sub
        End If
    Next steps
    Tell "There are no open faults."
End Sub

Private Sub ShowRow(ByVal cell As Range)
    cell.Worksheet.Activate
    cell.Select
End Sub

' Opens the address behind a cell of the active row's invoice in the browser.
Public Sub OpenInBrowser(ByVal heading As String, ByVal host As String, ByVal otherwise As String)
    Dim table As Range
    Dim cell As Range
    Dim address As String
    Set table = SelectedTable()
    If table Is Nothing Then
        TellToSelect
        Exit Sub
    End If
    Set cell = CellBeside(TableRange("Invoices"), "Autotask id", ActiveId(table), heading)
    If Not cell Is Nothing Then address = AddressIn(CStr(cell.Formula))
    If IsAt(address, host) Then
        ThisWorkbook.FollowHyperlink address
    Else
        Tell otherwise
    End If
End Sub

' The address in a formula such as =HYPERLINK("https://...","INV-1"), or nothing.
Private Function AddressIn(ByVal formula As String) As String
    Const START As String = "=HYPERLINK("""
    If Left$(formula, Len(START)) = START Then AddressIn = Split(Mid$(formula, Len(START) + 1), """")(0)
End Function

' Whether an address is a secure one at a host, or at a host whose name ends so where a dot comes first.
Private Function IsAt(ByVal address As String, ByVal host As String) As Boolean
    Dim parts As Variant
    parts = Split(LCase$(address), "/")
    If UBound(parts) < 3 Then Exit Function
    If parts(0) <> "https:" Or parts(2) Like "*[!a-z0-9.-]*" Then Exit Function
    IsAt = parts(2) = host Or (Left$(host, 1) = "." And Right$(parts(2), Len(host)) = host)
End Function

Public Sub ShowAbout()
    Tell "AutoXero copies invoices from Autotask to Xero." & vbLf _
        & "Organisation: " & HiddenText("AutoXeroOrganisation") & vbLf _
        & "Mode: " & HiddenText("AutoXeroMode") & vbLf _
        & "The agent last wrote here: " & HiddenText("AutoXeroLastSeen") & vbLf _
        & "Macros of version: " & HiddenText("AutoXeroVersion") & vbLf _
        & "Requests go to: " & HiddenText("AutoXeroInbox")
End Sub
