Attribute VB_Name = "AutoXeroTables"
Option Explicit

' Finds things by the names of tables and headings, so that sheets may be renamed and columns moved.

Private Const ID_HEADING As String = "Autotask id"
Private Const FAULT_CODE As String = "AX-###"
Private Const MOST_DIGITS As Long = 15
Private Const MOST_INVOICES As Long = 5000
Private Const MOST_LETTERS As Long = 65000

' A table with its headings, wherever it stands; Nothing where there is none.
Public Function TableRange(ByVal tableName As String) As Range
    Dim sheet As Object
    For Each sheet In ThisWorkbook.Worksheets
        Set TableRange = TableOn(sheet, tableName)
        If Not TableRange Is Nothing Then Exit Function
    Next sheet
    Set TableRange = BlockOn(tableName)
End Function

Private Function TableOn(ByVal sheet As Object, ByVal tableName As String) As Range
    On Error Resume Next
    Set TableOn = sheet.ListObjects(tableName).Range
End Function

' For programs that know no tables, such as LibreOffice: the block of cells on the sheet of that name.
Private Function BlockOn(ByVal sheetName As String) As Range
    On Error Resume Next
    Set BlockOn = ThisWorkbook.Worksheets(sheetName).Range("B4").CurrentRegion
End Function

' The cells below a heading; Nothing where there is no such table or heading.
Public Function ColumnOf(ByVal table As Range, ByVal heading As String) As Range
    Dim place As Long
    If table Is Nothing Then Exit Function
    For place = 1 To table.Columns.Count
        If TextOf(table.Cells(1, place)) = heading Then
            Set ColumnOf = table.Cells(2, place).Resize(table.Rows.Count - 1, 1)
            Exit Function
        End If
    Next place
End Function

' The cell under one heading in the row that holds a text under another one, else Nothing.
Public Function CellBeside(ByVal table As Range, ByVal heading As String, ByVal text As String, _
        ByVal otherHeading As String) As Range
    Dim keys As Range
    Dim others As Range
    Dim place As Long
    Set keys = ColumnOf(table, heading)
    Set others = ColumnOf(table, otherHeading)
    If keys Is Nothing Or others Is Nothing Then Exit Function
    For place = 1 To keys.Rows.Count
        If TextOf(keys.Cells(place, 1)) = text Then
            Set CellBeside = others.Cells(place, 1)
            Exit Function
        End If
    Next place
End Function

' What a cell holds, as text; nothing for an error such as #N/A.
Public Function TextOf(ByVal cell As Range) As String
    If Not IsError(cell.Value) Then TextOf = Trim$(CStr(cell.Value))
End Function

' The text of a hidden name's cell, or nothing.
Public Function HiddenText(ByVal cellName As String) As String
    On Error Resume Next
    HiddenText = TextOf(ThisWorkbook.Names(cellName).RefersToRange)
End Function

' The table of invoices or faults that the selection touches, else Nothing. Touching matters: Preview has two tables
' side by side, and a row of the one says nothing about the same row of the other.
Public Function SelectedTable() As Range
    Dim tableName As Variant
    If ActiveWorkbook.Name <> ThisWorkbook.Name Then Exit Function
    If TypeName(Selection) <> "Range" Then Exit Function
    For Each tableName In Array("Invoices", "Faults", "Preview", "PreviewLines")
        If IsTouched(TableRange(CStr(tableName))) Then
            Set SelectedTable = TableRange(CStr(tableName))
            Exit Function
        End If
    Next tableName
End Function

Private Function IsTouched(ByVal table As Range) As Boolean
    If table Is Nothing Then Exit Function
    If table.Worksheet.Name <> ActiveSheet.Name Then Exit Function
    If ColumnOf(table, ID_HEADING) Is Nothing Then Exit Function
    IsTouched = Not (Application.Intersect(Selection, table) Is Nothing)
End Function

' The Autotask ids of the selected rows with commas between; nothing, and told why, where there are none.
' Rows that a filter hides are not selected rows, although Excel counts them as such.
Public Function SelectedIds() As String
    Dim table As Range
    Dim area As Range
    Dim found As String
    Set table = SelectedTable()
    If table Is Nothing Then
        TellToSelect
        Exit Function
    End If
    found = ","
    For Each area In Selection.Areas
        If Not (Application.Intersect(area, table) Is Nothing) Then
            found = WithIdsOf(Application.Intersect(area.EntireRow, ColumnOf(table, ID_HEADING)), found)
        End If
    Next area
    If UBound(Split(found, ",")) - 1 > MOST_INVOICES Or Len(found) > MOST_LETTERS Then
        Tell "Too many invoices are selected for one request (at most " & MOST_INVOICES & "). Select fewer rows."
    ElseIf found = "," Then
        Tell "The selected rows hold no invoice. Select rows with an Autotask id."
    Else
        SelectedIds = Mid$(found, 2, Len(found) - 2)
    End If
End Function

' Stops early where there are too many, since Excel would stand still for long.
Private Function WithIdsOf(ByVal cells As Range, ByVal found As String) As String
    Dim cell As Range
    WithIdsOf = found
    If cells Is Nothing Then Exit Function
    For Each cell In cells
        If IsFresh(cell, WithIdsOf) Then WithIdsOf = WithIdsOf & TextOf(cell) & ","
        If Len(WithIdsOf) > MOST_LETTERS Then Exit Function
    Next cell
End Function

Private Function IsFresh(ByVal cell As Range, ByVal found As String) As Boolean
    Dim id As String
    If cell.EntireRow.Hidden Then Exit Function
    id = TextOf(cell)
    IsFresh = IsId(id) And InStr(found, "," & id & ",") = 0
End Function

Private Function IsId(ByVal text As String) As Boolean
    IsId = text Like "[1-9]*" And Len(text) <= MOST_DIGITS And Not (text Like "*[!0-9]*")
End Function

Public Sub TellToSelect()
    Tell "Select rows of the sheet Invoices, Faults or Preview first, then press the button again."
End Sub

' The text in a column of the active row, or nothing where the table has no such column.
Public Function ActiveText(ByVal table As Range, ByVal heading As String) As String
    Dim cells As Range
    Dim cell As Range
    Set cells = ColumnOf(table, heading)
    If cells Is Nothing Then Exit Function
    Set cell = Application.Intersect(ActiveCell.EntireRow, cells)
    If Not cell Is Nothing Then ActiveText = TextOf(cell)
End Function

' The active row's Autotask id, or nothing.
Public Function ActiveId(ByVal table As Range) As String
    Dim id As String
    id = ActiveText(table, ID_HEADING)
    If IsId(id) Then ActiveId = id
End Function

' The code of the active row's fault, such as AX-105; nothing, and told why, where there is none.
Public Function ActiveFault() As String
    Dim table As Range
    Dim code As String
    Set table = SelectedTable()
    If table Is Nothing Then
        TellToSelect
        Exit Function
    End If
    code = ActiveText(table, "Code")
    If Len(code) = 0 Then code = Left$(ActiveText(table, "Fault"), Len(FAULT_CODE))
    If code Like FAULT_CODE Then
        ActiveFault = code
    Else
        Tell "The selected row has no fault."
    End If
End Function
